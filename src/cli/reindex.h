// `rage reindex`: moves indexes of a running service to the embedder that it runs.
#pragma once

#include <string>

#include "base/context.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/rag_client.h"

namespace rage::cli {

struct ReindexCommand {
  std::string index;
  bool all = false;  // Every index that has another embedder, instead.
  OutputFormat format = OutputFormat::kText;
};

// Prints progress to standard error and what was done to standard output. The first index that
// fails ends it; what was done stays done.
Result<void> run_reindex(const Context& context, RagClient& client, const ReindexCommand& command);

}  // namespace rage::cli
