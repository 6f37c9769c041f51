// `rage eval`.
#include <fmt/format.h>

#include <memory>

#include "cli/eval.h"
#include "net/http_client.h"
#include "rag_connection.h"
#include "subcommands.h"

namespace rage::app {
namespace {

constexpr int kRegressionExitCode = 2;

struct EvalFlags {
  cli::EvalCommand command;
  RagConnection service;
  std::string assistant;
  bool json = false;
};

int run(EvalFlags flags) {
  if (flags.command.index.empty() == flags.assistant.empty()) {
    return exit_code_of(
        fail(ErrorCode::kInvalidArgument, "say one of --index NAME and --assistant URL"));
  }
  const auto transport = net::make_http_transport();
  if (flags.json) flags.command.format = cli::OutputFormat::kJson;
  if (!flags.assistant.empty()) {  // The key is the RAG service's, and stays with it.
    flags.service.server = flags.assistant;
    flags.service.api_key.clear();
  }
  auto service = flags.service.options();
  if (!service) return exit_code_of(fail(std::move(service).error()));
  cli::RagClient client(*transport, *std::move(service));
  const SystemClock clock;
  const auto outcome = cli::run_eval(Context{}, client, clock, flags.command);
  if (!outcome) return exit_code_of(fail(outcome.error()));
  return *outcome == cli::EvalOutcome::kRegression ? kRegressionExitCode : 0;
}

}  // namespace

void add_eval(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("eval", "Grade a service's answers to questions with known answers");
  auto flags = std::make_shared<EvalFlags>();
  cli::EvalCommand& wanted = flags->command;
  command->add_option("questions", wanted.questions_file, "Questions as JSON lines")->required();
  command->add_option("--index", wanted.index, "Name of the index to ask");
  flags->service.add_to(*command, "--url,--server");
  command->add_option("--assistant", flags->assistant,
                      "URL of a `rage assistant`, to be asked as its page asks");
  command->add_option("--model", wanted.model, "Model to ask; the service's default if absent");
  command->add_option("--html", wanted.html_file, "Write a page with a drawer per question");
  command->add_option("--compare", wanted.compare_file, "An earlier report of --json");
  command->add_option("--tolerance", wanted.tolerance, "Share by which a figure may get worse")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--timeout", wanted.seconds_max, "Seconds for one question")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print JSON");
  command->footer(
      "A question is a JSON object: id, question, type, answerable, expected_urls, must_include,\n"
      "must_not_include; optionally any_of and history. examples/scale23x/README.md has the "
      "rules.\n"
      "Exit code: 0, 1 if the run failed, 2 if --compare finds that a figure got worse.\n"
      "Examples:\n"
      "  rage eval examples/scale23x/questions-dev.jsonl --index schedule\n"
      "  rage eval questions.jsonl --index handbook --json > before.json\n"
      "  rage eval questions.jsonl --index handbook --compare before.json   a gate for CI\n"
      "  rage eval questions.jsonl --index handbook --html report.html      why each one failed\n"
      "  rage eval questions.jsonl --assistant http://127.0.0.1:8302        through the chat");
  command->callback([=, &exit_code] { exit_code = run(*flags); });
}

}  // namespace rage::app
