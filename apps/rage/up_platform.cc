#include "up_platform.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/files.h"
#include "cli/local_services.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "net/http_client.h"
#include "node/volumes.h"
#include "platform/bring_up.h"
#include "platform/platform.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kStartLimit = 120s;
constexpr auto kStopGrace = 15s;
constexpr auto kLookLimit = 10s;
constexpr int kPortTries = 30;
constexpr auto kPortPoll = 100ms;
constexpr std::uint64_t kFileBytesMax = std::uint64_t{4} << 20;
constexpr int kStatusPort = 9;  // From the base.
constexpr int kApiPort = 8;

cli::ServiceSpec platform_spec(const UpPlatformOptions& options) {
  std::error_code error;
  const auto status_port = static_cast<std::uint16_t>(options.port_base + kStatusPort);
  cli::ServiceSpec spec{
      .name = "platform",
      .port = status_port,
      .health_path = "/readyz",
      .argv = {fs::read_symlink("/proc/self/exe", error).string(), "platform", "--data",
               options.data.string(), "--status-port", std::to_string(status_port), "--port",
               std::to_string(options.port_base + kApiPort)}};
  for (const std::string& substitute : options.substitutes) {
    spec.argv.insert(spec.argv.end(), {"--substitute", substitute});
  }
  return spec;
}

bool runs_platform(const std::vector<cli::ServiceState>& running) {
  return std::ranges::any_of(running, [](const auto& each) { return each.name == "platform"; });
}

Result<void> start_platform(const UpPlatformOptions& options, Clock& clock,
                            net::HttpTransport& transport) {
  const cli::LocalServices services(clock, options.data);
  ASSIGN_OR_RETURN(auto running, services.load());
  if (runs_platform(running)) {
    if (services.wait_ready(Context{}, transport, kStartLimit)) return {};
    ASSIGN_OR_RETURN(running, services.load());  // It was about to end when we looked.
  }
  if (!running.empty()) RETURN_IF_ERROR(services.stop(kStopGrace));
  const cli::ServiceSpec spec = platform_spec(options);
  // One that was killed a moment ago may hold its port still.
  for (int i = 0; i < kPortTries && !cli::check_port_free(spec.port); ++i) {
    clock.sleep_for(kPortPoll, {});
  }
  fmt::print("Starting the platform in {} ...\n", options.data.string());
  std::fflush(stdout);
  RETURN_IF_ERROR(services.start({spec}));
  const Result<void> ready = services.wait_ready(Context{}, transport, kStartLimit);
  if (!ready) (void)services.stop(kStopGrace);
  return ready;
}

}  // namespace

Result<void> up_platform(const UpPlatformOptions& options) {
  // First what may be wrong without anything having been started.
  ASSIGN_OR_RETURN(auto objects, options.manifests.gather());
  SystemClock clock;
  const auto transport = net::make_http_transport();
  const auto began = clock.now();
  RETURN_IF_ERROR(start_platform(options, clock, *transport));
  const std::string kubeconfig = platform::kubeconfig_of(options.data).string();
  ASSIGN_OR_RETURN(auto config, kube::load_client_config({.path = kubeconfig}, clock));
  const auto client = kube::make_kube_client(*transport, clock, std::move(config));
  RETURN_IF_ERROR(apply_manifests(*client, clock, "default", std::move(objects),
                                  options.manifests.wait_seconds));
  fmt::print("{} after {:.1f} s.\n", options.manifests.wait_seconds > 0 ? "Ready" : "Applied",
             std::chrono::duration<double>(clock.now() - began).count());
  fmt::print("\nkubectl --kubeconfig {} get pods -A\n", kubeconfig);
  return {};
}

Result<std::vector<platform::RunningService>> platform_services(const fs::path& data) {
  SystemClock clock;
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(auto config, kube::load_client_config(
                                    {.path = platform::kubeconfig_of(data).string()}, clock));
  const auto client = kube::make_kube_client(*transport, clock, std::move(config));
  ASSIGN_OR_RETURN(auto view, platform::view_services(Context::with_timeout(kLookLimit), *client));
  const auto file = node::NodePaths{.data = data}.services_file();
  if (const auto text = read_file(file, kFileBytesMax)) {
    view.addresses = node::parse_services(*text);
  }
  return platform::running_services(view);
}

}  // namespace rage::app
