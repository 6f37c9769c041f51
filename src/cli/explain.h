// `rage explain`: why a service answered what it answered.
#pragma once

#include <string>

#include "base/context.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/rag_client.h"

namespace rage::cli {

struct ExplainCommand {
  std::string id;  // Of the chat completion; empty: list the answers that can be explained.
  OutputFormat format = OutputFormat::kText;
};

// Prints the service's record of the answer; kNotFound if it keeps none, or no longer.
Result<void> run_explain(const Context& context, RagClient& client, const ExplainCommand& command);

// The record for a person: what was asked and read, what was found, why each candidate counts or
// does not, the verdict on each sentence, the prompt. Control characters are left out. Pure.
std::string render_explanation(const codec::Json& trace);

}  // namespace rage::cli
