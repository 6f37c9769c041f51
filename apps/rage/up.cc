// `rage up`, `rage status`, `rage down`: the services of one data directory on this machine.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/local_services.h"
#include "cli/side_by_side.h"
#include "net/http_client.h"
#include "shutdown.h"
#include "subcommands.h"
#include "up_platform.h"

namespace rage::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using codec::Json;

constexpr auto kStartLimit = 120s;
constexpr auto kStopGrace = 10s;
constexpr int kPortsUsed = 2;
constexpr int kManifestsWait = 300;     // Seconds.
constexpr int kExampleTokensMax = 100;  // Enough to see that the bare model invents.

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

std::string default_data_directory() {
  if (const char* data = std::getenv("RAGE_DATA"); data != nullptr && *data != '\0') return data;
  if (const char* xdg = std::getenv("XDG_DATA_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::string(xdg) + "/rage";
  }
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/share/rage";
}

void add_data_option(CLI::App& command, std::string& data) {
  data = default_data_directory();
  command.add_option("--data", data, "Directory of indexes, logs and run state")
      ->capture_default_str();
}

fs::path own_program() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

std::vector<cli::ServiceSpec> specs_of(const UpOptions& options, const fs::path& data) {
  const std::string program = own_program().string();
  const auto rag_port = static_cast<std::uint16_t>(options.port_base);
  const auto model_port = static_cast<std::uint16_t>(options.port_base + 1);
  return {{.name = "model",
           .port = model_port,
           .health_path = "/health",
           .argv = {program, "model", "serve", options.model, "--port", std::to_string(model_port),
                    "--log-file", (data / "logs" / "llama-server.log").string()}},
          {.name = "rag",
           .port = rag_port,
           .health_path = "/health",
           .argv = {program, "rag", "--data", data.string(), "--port", std::to_string(rag_port),
                    "--embedder", options.embedder, "--llm-url",
                    fmt::format("http://127.0.0.1:{}/v1/chat/completions", model_port)}}};
}

fs::path find_example(const UpOptions& options) {
  if (!options.example.empty()) return options.example;
  const fs::path relative = "examples/scale23x/schedule_index.json";
  for (const fs::path& root : {fs::path("."), own_program().parent_path() / "../.."}) {
    std::error_code error;
    if (fs::exists(root / relative, error)) return root / relative;
  }
  return {};
}

Result<std::string> service_url(const cli::LocalServices& services, std::string_view name) {
  ASSIGN_OR_RETURN(const auto running, services.load());
  for (const cli::ServiceState& service : running) {
    if (service.name == name) return service.url;
  }
  return fail(ErrorCode::kUnavailable, "the service '{}' does not run", name);
}

// The talk's point, on real input: the same question without and with the sources.
Result<void> show_example(const UpOptions& options, cli::RagClient& client) {
  const fs::path example = find_example(options);
  if (example.empty()) {
    fmt::print("No example found (examples/scale23x); index your own files with `rage index`.\n");
    return {};
  }
  const Context context = Context::with_timeout(10min);
  RETURN_IF_ERROR(
      cli::run_index(context, client, {.index = options.index, .paths = {example.string()}}));
  fmt::print("\nQuestion: {}\n\n", options.question);
  std::fflush(stdout);
  ASSIGN_OR_RETURN(
      const auto bare,
      cli::ask_once(context, client,
                    {.index = "", .question = options.question, .tokens_max = kExampleTokensMax}));
  ASSIGN_OR_RETURN(
      const auto grounded,
      cli::ask_once(context, client, {.index = options.index, .question = options.question}));
  const std::string sources = cli::render_sources(grounded);
  fmt::print("{}\n", cli::side_by_side("The model alone (ungrounded)", cli::answer_of(bare),
                                       "With the sources (grounded)",
                                       cli::answer_of(grounded) + "\n" + sources));
  return {};
}

void print_urls(const UpOptions& options, const std::string& rag, const std::string& model) {
  fmt::print("RAG service   {}   (POST /retrieve, /v1/chat/completions; GET /indexes, /metrics)\n",
             rag);
  fmt::print("Model server  {}   (OpenAI-compatible)\n", model);
  const std::string server = options.port_base == 8300 ? "" : " --server " + rag;
  fmt::print("\nTry:  {} ask {}{} \"Who gives the keynote on Sunday and where?\"\n",
             own_program().string(), options.index, server);
}

Result<void> up(const UpOptions& options) {
  const fs::path data = fs::absolute(options.data);
  if (options.manifests.any()) {
    return up_platform({.data = data,
                        .port_base = options.port_base,
                        .manifests = options.manifests,
                        .substitutes = options.substitutes});
  }
  SystemClock clock;
  const cli::LocalServices services(clock, data);
  const auto transport = net::make_http_transport();
  const auto began = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(const auto running, services.load());
  if (running.size() == kPortsUsed) {
    fmt::print("The services of {} already run.\n", data.string());
  } else {
    if (!running.empty()) RETURN_IF_ERROR(services.stop(kStopGrace));
    fmt::print("Starting the model server and the RAG service on ports {} and {} ...\n",
               options.port_base + 1, options.port_base);
    std::fflush(stdout);
    RETURN_IF_ERROR(services.start(specs_of(options, data)));
  }
  const Result<void> ready = services.wait_ready(Context{}, *transport, kStartLimit);
  if (!ready) {
    (void)services.stop(kStopGrace);
    return ready;
  }
  const auto took = std::chrono::steady_clock::now() - began;
  fmt::print("Ready after {:.1f} s.\n", std::chrono::duration<double>(took).count());
  ASSIGN_OR_RETURN(const std::string rag, service_url(services, "rag"));
  ASSIGN_OR_RETURN(const std::string model, service_url(services, "model"));
  cli::RagClient client(*transport, {.base_url = rag});
  if (options.example_wanted) RETURN_IF_ERROR(show_example(options, client));
  print_urls(options, rag, model);
  return {};
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
  CLI::App* command =
      app.add_subcommand("up", "Start a model and the RAG service here, with an example");
  auto options = std::make_shared<UpOptions>();
  auto no_example = std::make_shared<bool>(false);
  add_data_option(*command, options->data);
  command->add_option("--port-base", options->port_base, "RAG service on N, model server on N+1")
      ->check(CLI::Range(1024, 65534))
      ->capture_default_str();
  options->manifests.wait_seconds = kManifestsWait;
  options->manifests.add_to(*command);
  command->add_option("--substitute", options->substitutes,
                      "With manifests: PRESET=REFERENCE, the model that stands in for a preset");
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

namespace {

bool runs_platform(const cli::ServiceStatus& service) {
  return service.state.name == "platform" && service.ready;
}

// What runs on the platform, behind the platform's own line.
void add_platform_lines(const std::string& data, Json& lines) {
  const auto found = platform_services(fs::absolute(data));
  if (!found) {
    lines.back()["ready"] = false;
    lines.back()["why"] = found.error().message;
    return;
  }
  for (const platform::RunningService& each : *found) {
    Json line = {{"name", each.name}, {"url", each.url}, {"ready", each.ready}};
    line["object"] = each.object;
    if (!each.why.empty()) line["why"] = each.why;
    lines.push_back(std::move(line));
  }
}

std::string status_line(const Json& line) {
  const bool ready = line["ready"].get<bool>();
  return fmt::format(
      "{}\t{}\t{}\t{}", codec::string_or(line, "name", ""), ready ? "ready" : "starting",
      codec::string_or(line, "url", ""),
      ready ? codec::string_or(line, "object", "") : codec::string_or(line, "why", ""));
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("status", "Which services of a data directory run");
  auto data = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  add_data_option(*command, *data);
  command->add_flag("--json", *json, "Print JSON");
  command->footer(
      "Exit code 0 if all that was started is ready, 3 if nothing runs, 1 otherwise.\n"
      "Example:\n  rage status --json | jq -r '.services[] | select(.name == \"rag\").url'");
  command->callback([=, &exit_code] {
    SystemClock clock;
    const auto transport = net::make_http_transport();
    const auto services = cli::LocalServices(clock, fs::absolute(*data)).status(*transport);
    if (!services) {
      exit_code = exit_code_of(fail(services.error()));
      return;
    }
    bool all_ready = true;
    Json lines = cli::render_status(*services)["services"];
    if (std::ranges::any_of(*services, runs_platform)) add_platform_lines(*data, lines);
    for (const Json& line : lines) {
      all_ready = all_ready && line["ready"].get<bool>();
      if (!*json) fmt::print("{}\n", status_line(line));
    }
    if (*json) fmt::print("{}\n", codec::render_json({{"services", lines}}));
    if (services->empty() && !*json) fmt::print("nothing runs\n");
    exit_code = services->empty() ? 3 : all_ready ? 0 : 1;
  });
}

void add_down(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("down", "Stop the services of a data directory; its indexes stay");
  auto data = std::make_shared<std::string>();
  add_data_option(*command, *data);
  command->footer("Example:\n  rage down --data /srv/rage");
  command->callback([=, &exit_code] {
    SystemClock clock;
    const auto stopped = cli::LocalServices(clock, fs::absolute(*data)).stop(kStopGrace);
    if (stopped) fmt::print("{}\n", *stopped == 0 ? "nothing was running" : "stopped");
    exit_code = stopped ? 0 : exit_code_of(fail(stopped.error()));
  });
}

}  // namespace rage::app
