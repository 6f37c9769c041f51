// `rage eval`: asks a running service questions with known answers and grades what it says.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/rag_client.h"

namespace rage::cli {

struct EvalCommand {
  std::string index;           // Of a RAG service; empty: the client's other end is an assistant.
  std::string questions_file;  // JSON lines; at most 16 MiB.
  std::string model;           // Empty: the service's default.
  std::string html_file;       // Empty: no page.
  std::string compare_file;    // A report of `--json`; empty: none.
  double tolerance = 0;        // A share: how much a figure may get worse.
  int seconds_max = 120;       // For one question.
  OutputFormat format = OutputFormat::kText;
};

enum class EvalOutcome { kFine, kRegression };

// One question at a time. A question that the service refuses counts as not right; a service that
// cannot be reached or does not have the index ends the run. The report goes to standard output,
// the comparison there too, or with JSON to standard error.
Result<EvalOutcome> run_eval(const Context& context, RagClient& client, const Clock& clock,
                             const EvalCommand& command);

}  // namespace rage::cli
