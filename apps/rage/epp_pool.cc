#include "epp_pool.h"

#include <chrono>
#include <cstdlib>
#include <random>
#include <utility>

#include "base/files.h"
#include "base/strings.h"
#include "extproc/static_picker.h"
#include "extproc_service.h"
#include "kube/kubeconfig.h"
#include "obs/log.h"
#include "picker/listening_source.h"
#include "picker/make_director.h"
#include "routing/inference_pool.h"
#include "routing/picker_config.h"

namespace rage::app {
namespace {

constexpr std::size_t kConfigBytesMax = std::size_t{1} << 20;
constexpr std::size_t kPortsMax = 8;

Result<routing::PickerConfig> read_config(const PoolFlags& flags) {
  std::string text = flags.config_text;
  if (!flags.config_file.empty()) {
    ASSIGN_OR_RETURN(text, read_file(flags.config_file, kConfigBytesMax));
  }
  auto config = routing::parse_picker_config(text);
  if (!config) return fail(std::move(config).error().with_context("EndpointPickerConfig"));
  for (const std::string& note : config->notes) {
    obs::log().warn("endpoint picker's configuration", {{"note", note}});
  }
  return config;
}

std::string namespace_of(const PoolFlags& flags) {
  if (!flags.name_space.empty()) return flags.name_space;
  const char* const given = std::getenv("NAMESPACE");
  return given != nullptr && *given != '\0' ? given : "default";
}

// "app=llama,tier=a"
Result<routing::LabelMap> parse_selector(const std::string& text) {
  routing::LabelMap labels;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return fail(ErrorCode::kInvalidArgument,
                  "--endpoint-selector: \"{}\" is not of the form key=value", part);
    }
    labels[std::string(part.substr(0, equals))] = std::string(part.substr(equals + 1));
  }
  return labels;
}

Result<std::vector<std::uint16_t>> parse_ports(const std::string& text) {
  std::vector<std::uint16_t> ports;
  for (const std::string_view part : split(text, ',')) {
    const auto port = parse_uint(part);
    if (!port || *port == 0 || *port > 65535 || ports.size() == kPortsMax) {
      return fail(ErrorCode::kInvalidArgument,
                  "--endpoint-target-ports: 1 to 8 ports such as 8000,8001");
    }
    ports.push_back(static_cast<std::uint16_t>(*port));
  }
  return ports;
}

Result<picker::KubeSourceOptions> kube_options(const PoolFlags& flags) {
  picker::KubeSourceOptions options{.name_space = namespace_of(flags), .pool = flags.name};
  if (flags.selector.empty()) return options;
  routing::InferencePool pool{.name_space = options.name_space, .name = "selected"};
  ASSIGN_OR_RETURN(pool.selector, parse_selector(flags.selector));
  ASSIGN_OR_RETURN(pool.target_ports, parse_ports(flags.target_ports));
  options.selected = std::move(pool);
  return options;
}

Result<std::unique_ptr<picker::EndpointSource>> make_source(const PoolFlags& flags, Clock& clock,
                                                            PickerOfPool& made) {
  if (!flags.endpoints_file.empty()) {
    return picker::make_file_source({.path = flags.endpoints_file}, clock);
  }
  ASSIGN_OR_RETURN(auto options, kube_options(flags));
  made.transport = net::make_http_transport();
  ASSIGN_OR_RETURN(auto config, kube::load_client_config({.path = flags.kubeconfig}, clock));
  made.client = kube::make_kube_client(*made.transport, clock, std::move(config));
  return picker::make_kube_source(std::move(options), *made.client, clock);
}

}  // namespace

void PoolFlags::add_to(CLI::App& command) {
  auto* where = command.add_option_group("endpoints", "Whose endpoints; exactly one");
  where->add_option("--pool-name", name, "An InferencePool of the cluster");
  auto* selected =
      where->add_option("--endpoint-selector", selector, "Pods with these labels: key=value,...");
  where->add_option("--endpoints-file", endpoints_file,
                    "YAML: endpoints: [{name, address, port, labels}]; followed when it changes");
  where->add_option("--endpoints", endpoints,
                    "ip:port,ip:port, taken in turn; nothing is configured or measured");
  where->require_option(1);
  command.add_option("--endpoint-target-ports", target_ports, "With --endpoint-selector: 1 to 8")
      ->needs(selected);
  command.add_option("--pool-namespace", name_space, "Default: $NAMESPACE, or \"default\"");
  command.add_option("--kubeconfig", kubeconfig,
                     "Default: the pod's service account, $KUBECONFIG, ~/.kube/config");
  auto* file = command.add_option("--config-file", config_file, "An EndpointPickerConfig");
  command.add_option("--config-text", config_text, "The same, as text")->excludes(file);
  command
      .add_option("--refresh-metrics-interval", refresh_interval,
                  "Between two looks at a model server's metrics")
      ->capture_default_str();
  command
      .add_option("--metrics-staleness-threshold", staleness,
                  "Older metrics count as those of a full server")
      ->capture_default_str();
  command
      .add_option("--fallbacks", fallbacks,
                  "With --endpoints: how many more a pick names, for retries; with a "
                  "configuration: the picker's maxNumOfEndpoints")
      ->check(CLI::Range(0, 16))
      ->capture_default_str();
}

Result<PickerOfPool> make_picker_of_pool(const PoolFlags& flags, Clock& clock,
                                         obs::MetricRegistry& registry) {
  PickerOfPool made;
  if (!flags.endpoints.empty()) {
    ASSIGN_OR_RETURN(auto endpoints, extproc::parse_endpoints(flags.endpoints));
    made.picker =
        std::make_unique<extproc::StaticPicker>(std::move(endpoints), flags.fallbacks + 1);
    return made;
  }
  ASSIGN_OR_RETURN(const routing::PickerConfig config, read_config(flags));
  ASSIGN_OR_RETURN(picker::DirectorOptions options, picker::director_options(config));
  ASSIGN_OR_RETURN(options.scrape.interval, parse_flag_duration(flags.refresh_interval));
  if (auto* utilization = std::get_if<routing::UtilizationOptions>(&options.saturation)) {
    ASSIGN_OR_RETURN(utilization->stale_after, parse_flag_duration(flags.staleness));
  }
  options.pool = flags.name.empty() ? "default" : flags.name;
  ASSIGN_OR_RETURN(auto source, make_source(flags, clock, made));
  ASSIGN_OR_RETURN(auto parts,
                   picker::make_listening_parts(config, std::random_device{}(), std::move(source)));
  ASSIGN_OR_RETURN(made.picker,
                   picker::make_director(std::move(options), std::move(parts.scheduler),
                                         std::move(parts.source), clock, registry));
  return made;
}

}  // namespace rage::app
