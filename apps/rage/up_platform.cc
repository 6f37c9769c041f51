#include "up_platform.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/files.h"
#include "base/strings.h"
#include "cli/local_services.h"
#include "kube/kubeconfig.h"
#include "node/volumes.h"
#include "platform/bring_up.h"
#include "platform/platform.h"
#include "platform/quickstart.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kServicesReadyLimit = 120s;
constexpr auto kLookLimit = 10s;
constexpr int kPortTries = 200;
constexpr auto kPortPoll = 100ms;
constexpr std::uint64_t kFileBytesMax = std::uint64_t{4} << 20;
constexpr int kStatusPort = 9;  // From the base.
constexpr int kApiPort = 8;

cli::ServiceSpec platform_spec(const PlatformStart& options) {
  const auto status_port = static_cast<std::uint16_t>(options.port_base + kStatusPort);
  cli::ServiceSpec spec{
      .name = "platform",
      .port = status_port,
      .health_path = "/readyz",
      .argv = {own_program().string(), "platform", "--data", options.data.string(), "--status-port",
               std::to_string(status_port), "--port",
               std::to_string(options.port_base + kApiPort)}};
  for (const std::string& rule : platform::publish_rules(options.port_base)) {
    spec.argv.insert(spec.argv.end(), {"--publish", rule});
  }
  for (const std::string& substitute : options.substitutes) {
    spec.argv.insert(spec.argv.end(), {"--substitute", substitute});
  }
  return spec;
}

// With all these substitutes, as its command line says.
bool runs_with(const cli::ServiceState& service, const std::vector<std::string>& substitutes) {
  const auto line = read_file(fmt::format("/proc/{}/cmdline", service.pid), kFileBytesMax);
  if (!line) return true;  // It has ended; that is seen elsewhere.
  const auto words = split(*line, '\0');
  return std::ranges::all_of(substitutes, [&](const std::string& substitute) {
    return std::ranges::count(words, std::string_view(substitute)) > 0;
  });
}

// One that was killed a moment ago holds its ports until the kernel has taken it apart; what it had
// started is still written down then.
Result<void> wait_for_ports(const PlatformStart& options, Clock& clock) {
  std::vector<int> offsets = {kApiPort, kStatusPort};
  for (int offset = platform::kPublishedPorts; offset-- > 0;)
    offsets.insert(offsets.begin(), offset);
  std::error_code error;
  const bool was_killed = fs::exists(options.data / "run" / "services.json", error);
  int tries = was_killed ? 0 : kPortTries;
  for (const int offset : offsets) {
    const auto port = static_cast<std::uint16_t>(options.port_base + offset);
    Result<void> free = cli::check_port_free(port);
    while (!free && tries++ < kPortTries) {
      clock.sleep_for(kPortPoll, {});
      free = cli::check_port_free(port);
    }
    RETURN_IF_ERROR(free);
  }
  return {};
}

}  // namespace

fs::path own_program() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error);
}

Result<void> start_platform(const PlatformStart& options, Clock& clock,
                            net::HttpTransport& transport) {
  const cli::LocalServices services(clock, options.data);
  ASSIGN_OR_RETURN(auto running, services.load());
  const auto platform = std::ranges::find(running, "platform", &cli::ServiceState::name);
  if (platform != running.end() && runs_with(*platform, options.substitutes)) {
    if (services.wait_ready(Context{}, transport, kServicesReadyLimit)) {
      fmt::print("The platform of {} already runs.\n", options.data.string());
      return {};
    }
    ASSIGN_OR_RETURN(running, services.load());  // It was about to end when we looked.
  }
  if (!running.empty()) RETURN_IF_ERROR(services.stop(kStopGrace));
  RETURN_IF_ERROR(wait_for_ports(options, clock));
  fmt::print("Starting the platform in {} ...\n", options.data.string());
  std::fflush(stdout);
  RETURN_IF_ERROR(services.start({platform_spec(options)}));
  const Result<void> ready = services.wait_ready(Context{}, transport, kServicesReadyLimit);
  if (!ready) (void)services.stop(kStopGrace);
  return ready;
}

Result<std::unique_ptr<kube::KubeClient>> platform_client(const fs::path& data, Clock& clock,
                                                          net::HttpTransport& transport) {
  ASSIGN_OR_RETURN(auto config, kube::load_client_config(
                                    {.path = platform::kubeconfig_of(data).string()}, clock));
  return kube::make_kube_client(transport, clock, std::move(config));
}

Result<void> up_manifests(const PlatformStart& options, const ManifestOptions& manifests) {
  // First what may be wrong without anything having been started.
  ASSIGN_OR_RETURN(auto objects, manifests.gather());
  SystemClock clock;
  const auto transport = net::make_http_transport();
  const auto began = clock.now();
  RETURN_IF_ERROR(start_platform(options, clock, *transport));
  ASSIGN_OR_RETURN(const auto client, platform_client(options.data, clock, *transport));
  RETURN_IF_ERROR(
      apply_manifests(*client, clock, "default", std::move(objects), manifests.wait_seconds));
  fmt::print("{} after {:.1f} s.\n", manifests.wait_seconds > 0 ? "Ready" : "Applied",
             std::chrono::duration<double>(clock.now() - began).count());
  fmt::print("\nkubectl --kubeconfig {} get pods -A\n",
             platform::kubeconfig_of(options.data).string());
  return {};
}

Result<platform::ServicesView> view_platform(const fs::path& data, kube::KubeClient& client) {
  ASSIGN_OR_RETURN(auto view, platform::view_services(Context::with_timeout(kLookLimit), client));
  const auto file = node::NodePaths{.data = data}.services_file();
  if (const auto text = read_file(file, kFileBytesMax)) {
    view.addresses = node::parse_services(*text);
  }
  return view;
}

Result<std::vector<platform::RunningService>> platform_services(const fs::path& data) {
  SystemClock clock;
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(const auto client, platform_client(data, clock, *transport));
  ASSIGN_OR_RETURN(const auto view, view_platform(data, *client));
  return platform::running_services(view);
}

}  // namespace rage::app
