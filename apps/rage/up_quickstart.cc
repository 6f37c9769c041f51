#include "up_quickstart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "apis/kinds.h"
#include "base/files.h"
#include "cli/commands.h"
#include "cli/side_by_side.h"
#include "inspect/documents.h"
#include "platform/bring_up.h"
#include "platform/platform.h"
#include "platform/system_objects.h"

namespace rage::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using codec::Json;
using inspect::text_at;
using platform::RunningService;

constexpr auto kQuickstartApplyLimit = 60s;
constexpr auto kAnswerLimit = 30s;
constexpr auto kBindLimit = 20s;
constexpr auto kPoll = 50ms;
constexpr auto kQuiet = 5s;             // What takes longer says what it waits for.
constexpr int kExampleTokensMax = 100;  // Enough to see that the bare model invents.

fs::path find_example(const QuickstartUp& options) {
  if (!options.example.empty()) return options.example;
  const fs::path relative = "examples/scale23x/schedule_index.json";
  for (const fs::path& root : {fs::path("."), own_program().parent_path() / "../.."}) {
    std::error_code error;
    if (fs::exists(root / relative, error)) return root / relative;
  }
  return {};
}

// The talk's point, on real input: the same question without and with the sources.
Result<void> show_example(const QuickstartUp& options, cli::RagClient& client) {
  const fs::path example = find_example(options);
  if (example.empty()) {
    fmt::print("No example found (examples/scale23x); index your own files with `rage index`.\n");
    return {};
  }
  const Context context = Context::with_timeout(10min);
  const std::string& index = options.settings.index;
  RETURN_IF_ERROR(cli::run_index(context, client, {.index = index, .paths = {example.string()}}));
  fmt::print("\nQuestion: {}\n\n", options.question);
  std::fflush(stdout);
  ASSIGN_OR_RETURN(
      const auto bare,
      cli::ask_once(context, client,
                    {.index = "", .question = options.question, .tokens_max = kExampleTokensMax}));
  ASSIGN_OR_RETURN(const auto grounded,
                   cli::ask_once(context, client, {.index = index, .question = options.question}));
  const std::string sources = cli::render_sources(grounded);
  fmt::print("{}\n", cli::side_by_side("The model alone (ungrounded)", cli::answer_of(bare),
                                       "With the sources (grounded)",
                                       cli::answer_of(grounded) + "\n" + sources));
  return {};
}

// Manifests that were applied here before, and not these.
bool has_others(const platform::ServicesView& view) {
  bool any = false;
  for (const auto* kind :
       {&view.gateways, &view.rag_engines, &view.inference_sets, &view.workspaces}) {
    for (const Json& object : *kind) {
      any = true;
      const std::string part = text_at(object, {"metadata", "labels", "app.kubernetes.io/part-of"});
      if (part == platform::kQuickstartLabel) return false;
    }
  }
  return any;
}

// Where a bound claim's data lies; empty: it is not bound yet.
Result<std::string> folder_of_claim(kube::KubeClient& client, const apis::ObjectKey& claim) {
  static const apis::ResourceType kVolume{"", "v1", "PersistentVolume", "persistentvolumes", false};
  const Context context = Context::with_timeout(kBindLimit);
  ASSIGN_OR_RETURN(const Json found,
                   client.get(context, apis::builtin_type("PersistentVolumeClaim"), claim));
  const std::string name = text_at(found, {"spec", "volumeName"});
  if (name.empty() || text_at(found, {"status", "phase"}) != "Bound") return std::string();
  ASSIGN_OR_RETURN(const Json volume, client.get(context, kVolume, {.ns = "", .name = name}));
  return text_at(volume, {"spec", "hostPath", "path"});
}

// Before there was a platform, `rage up` kept indexes in the data directory itself. They are moved
// before the RAG service is declared, so that it finds them when it starts; one rename, so that an
// end at any time loses nothing.
Result<void> adopt_old_indexes(const QuickstartUp& options, kube::KubeClient& client, Clock& clock,
                               const std::vector<Json>& objects) {
  const fs::path old = options.start.data / "indexes";
  std::error_code error;
  if (!fs::is_directory(old, error)) return {};
  const apis::ObjectKey claim{.ns = "default", .name = platform::kQuickstartRag};
  for (const Json& object : objects) {
    const bool meant = text_at(object, {"kind"}) == "PersistentVolumeClaim" &&
                       text_at(object, {"metadata", "name"}) == claim.name;
    if (!meant) continue;
    RETURN_IF_ERROR(client.apply(Context::with_timeout(kQuickstartApplyLimit),
                                 apis::builtin_type("PersistentVolumeClaim"), object,
                                 {.field_manager = platform::kFieldManager}));
  }
  const auto until = clock.now() + kBindLimit;
  std::string folder;
  while (folder.empty() && clock.now() < until) {
    ASSIGN_OR_RETURN(folder, folder_of_claim(client, claim));
    if (folder.empty()) clock.sleep_for(kPoll, {});
  }
  if (folder.empty())
    return fail(ErrorCode::kDeadlineExceeded, "the volume for indexes is missing");
  const fs::path target = fs::path(folder) / platform::kQuickstartRag / "indexes";
  if (fs::exists(target, error)) {
    fmt::print("{} stays as it is: {} has indexes already.\n", old.string(), target.string());
    return {};
  }
  RETURN_IF_ERROR(ensure_directory(target.parent_path()));
  fs::rename(old, target, error);
  if (error) {
    return fail(ErrorCode::kUnavailable, "the indexes of {} cannot be moved to {}: {}",
                old.string(), target.string(), error.message());
  }
  fmt::print("Indexes of an earlier release were moved to {}.\n", target.string());
  return {};
}

// Lines such as "  model      ready after 1.2 s".
class Progress {
 public:
  explicit Progress(Clock& clock) : clock_(clock), began_(clock.now()) {}
  double seconds() const { return std::chrono::duration<double>(clock_.now() - began_).count(); }

  void show(const platform::AppliedObject& object, const platform::Readiness& readiness) const {
    const bool ready = readiness.state == platform::Readiness::State::kReady;
    if (!ready && clock_.now() < began_ + kQuiet) return;
    const std::string said =
        ready ? fmt::format("ready after {:.1f} s", seconds()) : "waiting: " + readiness.why;
    fmt::print("  {:<10} {}\n", object.key.name, said);
    std::fflush(stdout);
  }

 private:
  Clock& clock_;
  const SteadyTime began_;
};

std::optional<RunningService> service_called(const std::vector<RunningService>& services,
                                             std::string_view name) {
  const auto found = std::ranges::find(services, name, &RunningService::name);
  return found == services.end() ? std::nullopt : std::optional(*found);
}

// Until each can be asked: a Service learns of a ready pod a moment after the pod is ready.
Result<std::vector<RunningService>> wait_for_answers(const QuickstartUp& options,
                                                     kube::KubeClient& client, Clock& clock,
                                                     net::HttpTransport& transport) {
  const std::vector<std::pair<std::string, std::string>> pages = {{"model", "/health"},
                                                                  {"rag", "/health"},
                                                                  {"assistant", "/health"},
                                                                  {"gateway", "/v1/models"}};
  const auto until = clock.now() + kAnswerLimit;
  while (true) {
    ASSIGN_OR_RETURN(const auto view, view_platform(options.start.data, client));
    const auto services = platform::running_services(view);
    std::string missing;
    for (const auto& [name, path] : pages) {
      const auto service = service_called(services, name);
      const auto reply =
          service && !service->url.empty()
              ? transport.fetch(Context::with_timeout(2s),
                                {.method = "GET", .url = service->url + path})
              : Result<net::HttpResponse>(fail(ErrorCode::kUnavailable, "no address"));
      if (!reply || reply->status != 200) missing = name;
    }
    if (missing.empty()) return services;
    if (clock.now() >= until) {
      return fail(ErrorCode::kDeadlineExceeded,
                  "the service '{}' does not answer; see `rage status`", missing);
    }
    clock.sleep_for(kPoll, {});
  }
}

void print_urls(const QuickstartUp& options, const std::vector<RunningService>& services) {
  const auto url = [&](std::string_view name) {
    const auto service = service_called(services, name);
    return service ? service->url : std::string();
  };
  const auto model = service_called(services, "model");
  const std::string substituted = model ? model->substituted : "";
  fmt::print("Page          {}   (the assistant, in a browser)\n", url("assistant"));
  fmt::print("Gateway       {}   (/v1: the model; /rag/v1: with sources; /: the page)\n",
             url("gateway"));
  fmt::print("RAG service   {}   (POST /retrieve, /v1/chat/completions; GET /indexes, /metrics)\n",
             url("rag"));
  fmt::print("Model server  {}   (OpenAI-compatible{})\n", url("model"),
             substituted.empty() ? "" : "; " + substituted);
  fmt::print("Kubernetes    export KUBECONFIG={}\n",
             platform::kubeconfig_of(options.start.data).string());
  const std::string rag = url("rag");
  const std::string server = rag.ends_with(":8300") ? "" : " --server " + rag;
  fmt::print("\nTry:  {} ask {}{} \"Who gives the keynote on Sunday and where?\"\n",
             own_program().string(), options.settings.index, server);
}

Result<void> go_on_with_others(const QuickstartUp& options, kube::KubeClient& client, Clock& clock,
                               const Progress& progress) {
  const auto until = clock.now() + std::chrono::seconds(options.wait_seconds);
  while (true) {
    ASSIGN_OR_RETURN(const auto view, view_platform(options.start.data, client));
    const auto services = platform::running_services(view);
    const auto waiting = std::ranges::find(services, false, &RunningService::ready);
    if (waiting != services.end() && clock.now() < until) {
      clock.sleep_for(kPoll, {});
      continue;
    }
    for (const RunningService& service : services) {
      fmt::print("  {:<24} {}\n", service.name, service.ready ? service.url : service.why);
    }
    if (waiting == services.end()) {
      fmt::print("What was applied here before is ready after {:.1f} s.\n", progress.seconds());
      return {};
    }
    return fail(ErrorCode::kDeadlineExceeded, "{} is not ready: {}", waiting->object, waiting->why);
  }
}

Result<void> bring_up(const QuickstartUp& options, kube::KubeClient& client, Clock& clock,
                      net::HttpTransport& transport, std::vector<Json> objects,
                      const Progress& progress) {
  RETURN_IF_ERROR(adopt_old_indexes(options, client, clock, objects));
  ASSIGN_OR_RETURN(
      const auto applied,
      platform::apply_objects(Context::with_timeout(kQuickstartApplyLimit), client, clock,
                              {.field_manager = platform::kFieldManager}, std::move(objects)));
  RETURN_IF_ERROR(platform::wait_ready(
      Context::with_timeout(std::chrono::seconds(options.wait_seconds)), client, clock, applied,
      [&](const auto& object, const auto& readiness) { progress.show(object, readiness); }));
  ASSIGN_OR_RETURN(const auto services, wait_for_answers(options, client, clock, transport));
  fmt::print("Ready after {:.1f} s.\n", progress.seconds());
  std::fflush(stdout);
  const auto rag = service_called(services, "rag");
  if (options.example_wanted && rag) {
    cli::RagClient asked(transport, {.base_url = rag->url});
    RETURN_IF_ERROR(show_example(options, asked));
  }
  print_urls(options, services);
  return {};
}

}  // namespace

Result<void> up_quickstart(const QuickstartUp& options) {
  ASSIGN_OR_RETURN(auto objects, platform::quickstart_objects(options.settings));
  SystemClock clock;
  const auto transport = net::make_http_transport();
  const Progress progress(clock);
  PlatformStart start = options.start;
  const std::string substitute = platform::quickstart_substitute(options.settings);
  if (!substitute.empty()) start.substitutes.push_back(substitute);
  RETURN_IF_ERROR(start_platform(start, clock, *transport));
  fmt::print("  {:<10} ready after {:.1f} s\n", "platform", progress.seconds());
  std::fflush(stdout);
  ASSIGN_OR_RETURN(const auto client, platform_client(start.data, clock, *transport));
  ASSIGN_OR_RETURN(const auto view, view_platform(start.data, *client));
  if (has_others(view)) return go_on_with_others(options, *client, clock, progress);
  return bring_up(options, *client, clock, *transport, std::move(objects), progress);
}

}  // namespace rage::app
