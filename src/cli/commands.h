// `rage index`, `rage retrieve`, `rage ask`: what a person types against a running service.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "cli/convert.h"
#include "cli/rag_client.h"

namespace rage::cli {

enum class OutputFormat { kText, kJson };

struct IndexCommand {
  std::string index;
  std::vector<std::string> paths;
  OutputFormat format = OutputFormat::kText;
  std::size_t documents_per_request = 32;
  ConvertOptions convert = {};
};
// Sends the documents in portions, with progress on standard error. Running it again after a
// failure resumes: the service skips what it has. Fails if nothing could be read; the
// others are named on standard error and in the summary.
struct IndexSummary {
  std::size_t documents = 0;
  std::size_t files_missed = 0;  // Documents that could not be read, but for what lies beside.
};
Result<IndexSummary> run_index(const Context& context, RagClient& client,
                               const IndexCommand& command);

struct RetrieveCommand {
  std::string index;
  std::string query;
  int hits_max = 5;
  std::string metadata_filter;  // JSON object; empty: none.
  OutputFormat format = OutputFormat::kText;
};
Result<void> run_retrieve(const Context& context, RagClient& client,
                          const RetrieveCommand& command);

struct AskCommand {
  std::string index;  // Empty: the bare model answers.
  std::string question;
  std::string model;  // Empty: the service's default.
  // Of the answer: a small model by itself talks until its context is full.
  int tokens_max = 400;
  OutputFormat format = OutputFormat::kText;
};
// Prints the answer as it arrives, then its sources.
Result<void> run_ask(const Context& context, RagClient& client, const AskCommand& command);

// The whole reply to one question, not streamed: {"answer", "grounding", ...} of the chat
// completion.
Result<codec::Json> ask_once(const Context& context, RagClient& client, const AskCommand& command);

// The text of a chat completion.
std::string answer_of(const codec::Json& completion);

}  // namespace rage::cli
