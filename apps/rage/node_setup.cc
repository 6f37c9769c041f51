#include "node_setup.h"

#include <unistd.h>

#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "models/cache.h"
#include "node/container_exec.h"

namespace rage::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

std::string variable(const char* name, const char* fallback = "") {
  const char* const value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

bool is_program(const std::string& path, const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  for (const std::string_view folder : split(path, ':')) {
    if (::access(fmt::format("{}/{}", folder, program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

// What is handed on of our own environment; pods see nothing else of it.
node::Environment environment_of(const std::string& path) {
  node::Environment environment = {{"PATH", path}};
  for (const char* name :
       {"LANG", "LC_ALL", "TZ", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY",
        "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "HF_ENDPOINT", "HF_TOKEN",
        "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH",
        // Traces of all; each has a service name of its own.
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER",
        "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"}) {
    if (std::string value = variable(name); !value.empty()) {
      environment.emplace_back(name, std::move(value));
    }
  }
  return environment;
}

}  // namespace

void add_node_flags(CLI::App& command, NodeFlags& flags) {
  command.add_option("--substitute", flags.substitutes,
                     "PRESET=REFERENCE: serve that model in the place of a preset; repeatable. "
                     "Without it, presets are served by the packaged model");
  command.add_option("--models", flags.models,
                     "Folder of PRESET.gguf files: those presets are served as they are");
  command.add_option(
      "--publish", flags.publish,
      "PORT=NAMESPACE/SERVICE, or PORT=KIND for the Service that an object of a kind "
      "has: reached at that port of 127.0.0.1, too; repeatable");
  command.add_option("--pods-max", flags.pods_max, "Pods running at once")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

Result<node::NodeAgentOptions> node_options(const NodeFlags& flags, const fs::path& data,
                                            const fs::path& kubeconfig) {
  std::error_code error;
  const fs::path rage = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(ErrorCode::kUnavailable, "cannot tell where this program lies");
  const std::string path = rage.parent_path().string() + ":" + variable("PATH", kDefaultPath);
  const models::ModelCache cache(
      models::default_model_cache_root(),
      models::default_packaged_folder(models::default_model_cache_root()));
  node::NodeAgentOptions options{.data = fs::absolute(data).lexically_normal(),
                                 .environment = environment_of(path),
                                 .pods_max = flags.pods_max};
  node::ImageTable& images = options.images;
  images.rage = rage.string();
  images.kubeconfig = kubeconfig.empty() ? "" : fs::absolute(kubeconfig).string();
  images.cache_directory = fs::absolute(cache.root()).parent_path().string();
  images.packaged_directory = fs::absolute(models::default_packaged_folder(cache.root())).string();
  for (const std::string& text : flags.substitutes) {
    ASSIGN_OR_RETURN(auto substitute, node::parse_substitute(text));
    images.substitutes.insert(std::move(substitute));
  }
  for (const std::string& text : flags.publish) {
    ASSIGN_OR_RETURN(auto rule, node::parse_publish_rule(text));
    options.publish.push_back(std::move(rule));
  }
  if (!flags.models.empty())
    images.local_models = node::find_local_models(fs::absolute(flags.models));
  images.has_program = [path](const std::string& program) { return is_program(path, program); };
  images.is_cached = [cache](const std::string& reference) {
    const auto parsed = models::parse_model_reference(reference);
    return parsed && cache.find(*parsed).has_value();
  };
  return options;
}

Result<void> LocalPodLogs::read(const Context& context, const cluster::PodLogQuery& query,
                                const std::function<bool(std::string_view)>& on_bytes) {
  const node::LogRequest request{.pod_uid = query.pod_uid,
                                 .container = query.container,
                                 .previous = query.previous,
                                 .follow = query.follow,
                                 .tail_lines = query.tail_lines};
  return node::read_log(context, clock_, paths_, request, on_bytes);
}

Result<std::unique_ptr<ChildProcess>> LocalPodExec::start(const cluster::PodExecRequest& request,
                                                          const cluster::PodExecEnds& ends) {
  return node::exec_in_container({.pod_uid = request.pod_uid, .container = request.container},
                                 request.command,
                                 {.in = ends.in, .out = ends.out, .err = ends.err});
}

}  // namespace rage::app
