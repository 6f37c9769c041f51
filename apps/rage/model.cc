// `rage model pull|list|serve`.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "codec/json.h"
#include "listen.h"
#include "llm/stand_ins.h"
#include "model_access.h"
#include "model_mirror.h"
#include "models/llama_server.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReferenceHelp =
    "packaged:NAME, file:PATH, or hf://org/repo[@revision][/file]; a bare org/repo means the hub";

// One redrawn line on a terminal; otherwise a line a file, when it is done.
class DownloadProgressLine final {
 public:
  void show(const models::DownloadProgress& progress) {
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    const bool done = progress.bytes_total > 0 && progress.bytes_done >= progress.bytes_total;
    const double mib = static_cast<double>(progress.bytes_done) / (1 << 20);
    if (terminal) {
      const double total = static_cast<double>(progress.bytes_total) / (1 << 20);
      fmt::print(stderr, "\r{}  {:.1f} of {:.1f} MiB{}", progress.file, mib, total,
                 done ? "\n" : "   ");
      std::fflush(stderr);
    } else if (done && progress.file != last_) {
      fmt::print(stderr, "{}  {:.1f} MiB\n", progress.file, mib);
      last_ = progress.file;
    }
  }

 private:
  std::string last_;
};

Result<void> pull(const std::string& reference, bool json) {
  ModelAccess access;
  DownloadProgressLine line;
  ASSIGN_OR_RETURN(const auto files, access.resolve(Context{}, reference,
                                                    [&](const models::DownloadProgress& progress) {
                                                      line.show(progress);
                                                    }));
  if (json) {
    fmt::print("{}\n", codec::render_json({{"id", files.id}, {"path", files.path.string()}}));
  } else {
    fmt::print("{} is in {}\n", files.id, files.path.string());
  }
  return {};
}

Result<void> list(bool json) {
  ModelAccess access;
  ASSIGN_OR_RETURN(const auto models, access.cache().list());
  codec::Json all = codec::Json::array();
  for (const models::CachedModel& model : models) {
    if (json) {
      all.push_back({{"name", model.name},
                     {"reference", model.reference},
                     {"bytes", model.bytes},
                     {"complete", model.is_complete},
                     {"path", model.path.string()}});
    } else {
      fmt::print("{}\t{}\t{:.1f} MiB\t{}\t{}\n", model.name, model.reference,
                 static_cast<double>(model.bytes) / (1 << 20),
                 model.is_complete ? "complete" : "partial", model.path.string());
    }
  }
  if (json) fmt::print("{}\n", codec::render_json({{"models", all}}));
  if (models.empty() && !json)
    fmt::print(stderr, "no models in {}\n", access.cache().root().string());
  return {};
}

// A folder that holds exactly one *.gguf counts as that file.
Result<fs::path> gguf_of(const models::ModelFiles& files) {
  std::error_code error;
  if (!fs::is_directory(files.path, error)) return files.path;
  fs::path found;
  for (const fs::directory_entry& entry : fs::directory_iterator(files.path, error)) {
    if (entry.path().extension() != ".gguf") continue;
    if (!found.empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  "{} holds several *.gguf files; name one: hf://org/repo/FILE",
                  files.path.string());
    }
    found = entry.path();
  }
  if (found.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "{} holds no *.gguf file, and llama-server serves no other", files.path.string());
  }
  return found;
}

struct ServeOptions {
  std::string reference;
  std::string binary;
  std::string alias;
  std::string stands_in_for;
  models::LlamaServerOptions server;
};

Result<void> serve(ServeOptions options) {
  const ShutdownSignal shutdown;
  options.server.host = pod_address(options.server.host);
  ModelAccess access;
  DownloadProgressLine line;
  ASSIGN_OR_RETURN(const auto files, access.resolve(Context{}, options.reference,
                                                    [&](const models::DownloadProgress& progress) {
                                                      line.show(progress);
                                                    }));
  ASSIGN_OR_RETURN(options.server.model, gguf_of(files));
  options.server.alias = options.alias.empty() ? files.id : options.alias;
  if (!options.stands_in_for.empty()) {
    options.server.tags = {llm::render_stand_in_tag(
        fmt::format("{} -> {}", options.stands_in_for, options.reference))};
  }
  options.server.binary = options.binary.empty()
                              ? access.cache().root().parent_path() / "bin" / "llama-server"
                              : fs::path(options.binary);
  // A signal while the model loads must end the loading, so it is awaited beside it.
  std::stop_source stop;
  std::jthread waiter([&] {
    shutdown.wait();
    stop.request_stop();
  });
  auto server = models::LlamaServer::start({.stop = stop.get_token()}, access.transport(),
                                           access.clock(), options.server);
  if (!server) {
    ::kill(::getpid(),
           SIGTERM);  // Wakes the waiter; the signal is blocked, so nothing else sees it.
    return fail(server.error());
  }
  fmt::print("{} is served on {}/v1\n", options.server.alias, (*server)->base_url());
  std::fflush(stdout);
  waiter.join();
  (*server)->stop();
  return {};
}

}  // namespace

void add_model(CLI::App& app, int& exit_code) {
  CLI::App* model = app.add_subcommand("model", "Models: pull, list, serve");
  model->require_subcommand(1);
  auto json = std::make_shared<bool>(false);

  CLI::App* pull_command =
      model->add_subcommand("pull", "Download a model, resuming and verifying");
  auto reference = std::make_shared<std::string>();
  pull_command->add_option("model", *reference, kReferenceHelp)->required();
  pull_command->add_flag("--json", *json, "Print JSON");
  auto mirror = std::make_shared<MirrorRequest>();
  CLI::Option* to = pull_command->add_option(
      "--to", mirror->folder,
      "Put the whole repository there under its own names, for other servers to read");
  pull_command
      ->add_option("--progress-address", mirror->progress_address,
                   "Where progress is served as metrics meanwhile, such as 127.0.0.1:9100")
      ->needs(to);
  pull_command->footer(
      "HF_TOKEN is sent to the hub if set; HF_ENDPOINT names a mirror.\n"
      "Examples:\n"
      "  rage model pull hf://sentence-transformers/all-MiniLM-L6-v2\n"
      "  rage model pull hf://org/repo@main/model-q4.gguf\n"
      "  rage model pull microsoft/phi-4 --to /models/microsoft/phi-4");
  pull_command->callback([=, &exit_code] {
    mirror->reference = *reference;
    exit_code =
        exit_code_of(mirror->folder.empty() ? pull(*reference, *json) : pull_to_folder(*mirror));
  });

  CLI::App* list_command = model->add_subcommand("list", "Models on this machine");
  list_command->add_flag("--json", *json, "Print JSON");
  list_command->footer(
      "Columns: name, reference, size, state, path; separated by tabs.\nExample:\n  rage model "
      "list");
  list_command->callback([=, &exit_code] { exit_code = exit_code_of(list(*json)); });

  CLI::App* serve_command =
      model->add_subcommand("serve", "Serve a GGUF model with llama-server, kept running");
  auto options = std::make_shared<ServeOptions>();
  auto port = std::make_shared<int>(8301);
  auto log_file = std::make_shared<std::string>();
  serve_command->add_option("model", options->reference, kReferenceHelp)
      ->default_val("packaged:SmolLM2-135M-Instruct");
  serve_command->add_option("--host", options->server.host, "Address to listen on")
      ->capture_default_str();
  serve_command->add_option("--port", *port, "Port")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  serve_command->add_option("--alias", options->alias, "Name of the model in the API");
  serve_command->add_option("--stands-in-for", options->stands_in_for,
                            "Say in GET /v1/models that it answers in that model's place");
  serve_command
      ->add_option("--threads", options->server.threads,
                   "Threads; 0: all cores read prompts, all but one write answers")
      ->capture_default_str();
  serve_command
      ->add_option("--context", options->server.context_tokens,
                   "Context tokens, shared by all slots")
      ->capture_default_str();
  serve_command->add_option("--slots", options->server.slots, "Requests generated at the same time")
      ->capture_default_str();
  serve_command->add_option("--llama-server", options->binary,
                            "The llama-server program; default: the cache's");
  serve_command->add_option("--log-file", *log_file,
                            "Where its output is appended; default: standard error");
  serve_command->footer(
      "Examples:\n  rage model serve\n  rage model serve file:models/phi-4-mini-q4.gguf --port "
      "9000");
  serve_command->callback([=, &exit_code] {
    options->server.port = static_cast<std::uint16_t>(*port);
    options->server.log_file = *log_file;
    exit_code = exit_code_of(serve(*options));
  });
}

}  // namespace rage::app
