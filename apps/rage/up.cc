// `rage up`: the platform of one data directory on this machine, with the quickstart or with
// manifests.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/local_services.h"
#include "data_option.h"
#include "shutdown.h"
#include "subcommands.h"
#include "up_platform.h"
#include "up_quickstart.h"

namespace rage::app {
namespace {

namespace fs = std::filesystem;

constexpr int kWaitSeconds = 300;

struct UpOptions {
  std::string data;
  int port_base = 8300;
  bool detach = false;
  bool example_wanted = true;
  std::string example;  // Empty: found beside the program or below the working directory.
  std::string index = "schedule";
  std::string question = "Who is speaking about Tectonix, in which room and at what time?";
  std::string model = "packaged:SmolLM2-135M-Instruct";
  std::string embedder = "packaged:all-MiniLM-L6-v2";
  ManifestOptions manifests;
  std::vector<std::string> substitutes;
};

Result<void> up(const UpOptions& options) {
  const PlatformStart start{.data = fs::absolute(options.data),
                            .port_base = options.port_base,
                            .substitutes = options.substitutes};
  if (options.manifests.any()) return up_manifests(start, options.manifests);
  return up_quickstart(
      {.start = start,
       .settings = {.model = options.model, .embedder = options.embedder, .index = options.index},
       .example_wanted = options.example_wanted,
       .example = options.example,
       .question = options.question,
       .wait_seconds = options.manifests.wait_seconds});
}

int run_up(const UpOptions& options) {
  const ShutdownSignal shutdown;
  const Result<void> started = up(options);
  if (!started) return exit_code_of(started);
  SystemClock clock;
  const cli::LocalServices services(clock, fs::absolute(options.data));
  const bool foreground =
      !options.detach && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  if (!foreground) {
    fmt::print("Stop:  {} down --data {}\n", own_program().string(),
               services.data_directory().string());
    return 0;
  }
  fmt::print("\nCtrl-C stops everything.\n");
  std::fflush(stdout);
  shutdown.wait();
  fmt::print("\nStopping ...\n");
  const Result<int> stopped = services.stop(kStopGrace);
  return stopped ? 0 : exit_code_of(fail(stopped.error()));
}

}  // namespace

void add_up(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "up", "Start a model, a RAG service and an assistant here, or what manifests say");
  auto options = std::make_shared<UpOptions>();
  auto no_example = std::make_shared<bool>(false);
  add_data_option(*command, options->data);
  command
      ->add_option(
          "--port-base", options->port_base,
          "RAG service on N, model on N+1, assistant on N+2, gateway on N+3, API server on N+8")
      ->check(CLI::Range(1024, 65500))
      ->capture_default_str();
  options->manifests.wait_seconds = kWaitSeconds;
  options->manifests.add_to(*command);
  command->add_option("--substitute", options->substitutes,
                      "PRESET=REFERENCE, the model that stands in for a preset; repeatable");
  command->add_flag("--detach", options->detach, "Leave the services running and return");
  command->add_flag("--no-example", *no_example, "Neither index the example nor ask its question");
  command->add_option("--example", options->example,
                      "Documents to index instead of examples/scale23x");
  command->add_option("--index", options->index, "Index of the example")->capture_default_str();
  command
      ->add_option("--question", options->question, "Question asked without and with the sources")
      ->capture_default_str();
  command->add_option("--model", options->model, "Model to serve")->capture_default_str();
  command->add_option("--embedder", options->embedder, "Embedding model")->capture_default_str();
  command->footer(
      "Everything listens on 127.0.0.1. Without a terminal it behaves as with --detach.\n"
      "Examples:\n"
      "  rage up\n"
      "  rage up --detach --data /srv/rage --port-base 9300\n"
      "  rage up -k examples/scale23x/manifests\n"
      "  rage down --data /srv/rage");
  command->callback([=, &exit_code] {
    options->example_wanted = !*no_example;
    exit_code = run_up(*options);
  });
}

}  // namespace rage::app
