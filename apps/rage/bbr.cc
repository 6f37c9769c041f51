// `rage bbr`: body-based routing for Envoy and other proxies that speak ext_proc.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bbr_adapters.h"
#include "extproc/bbr_config.h"
#include "extproc/bbr_stream.h"
#include "extproc_service.h"
#include "subcommands.h"

namespace rage::app {
namespace {

struct BbrFlags {
  ExtProcFlags common;
  std::vector<std::string> plugins;
  AdapterFlags adapters;
};

Result<extproc::BbrConfig> config_of(const BbrFlags& flags) {
  extproc::BbrConfig config;
  ASSIGN_OR_RETURN(config.body_bytes_max, parse_byte_size(flags.common.body_max));
  ASSIGN_OR_RETURN(config.body_timeout, parse_flag_duration(flags.common.body_timeout));
  if (!flags.plugins.empty()) config.rules.clear();
  for (const std::string& plugin : flags.plugins) {
    ASSIGN_OR_RETURN(auto rule, extproc::parse_plugin(plugin));
    config.rules.push_back(std::move(rule));
  }
  return config;
}

// Series exist from the start: a field is known by its rule.
extproc::BbrObserver make_observer(obs::MetricRegistry& registry,
                                   const extproc::BbrConfig& config) {
  registry.gauge("bbr_info", "What runs.", {{"commit", "unknown"}, {"build_ref", RAGE_VERSION}})
      .set(1);
  auto& success =
      registry.counter("bbr_success_total", "Requests with a header set from the body.");
  const auto not_found = [&registry](const std::string& field) -> obs::Counter& {
    return registry.counter("bbr_body_field_not_found_total", "Bodies that lack a field.",
                            {{"field", field}});
  };
  const auto empty = [&registry](const std::string& field) -> obs::Counter& {
    return registry.counter("bbr_body_field_empty_total", "Bodies whose field is empty.",
                            {{"field", field}});
  };
  for (const extproc::HeaderRule& rule : config.rules) {
    not_found(rule.field);
    empty(rule.field);
  }
  return {.on_success = [&success] { success.add(); },
          .on_not_found = [not_found](const std::string& field) { not_found(field).add(); },
          .on_empty = [empty](const std::string& field) { empty(field).add(); }};
}

bool needs_adapters(const extproc::BbrConfig& config) {
  for (const extproc::HeaderRule& rule : config.rules) {
    if (rule.type == extproc::HeaderRule::Type::kBaseModelToHeader) return true;
  }
  return false;
}

Result<void> run_bbr(const BbrFlags& flags) {
  const ShutdownSignal shutdown;
  set_up_log(flags.common);
  ASSIGN_OR_RETURN(const extproc::BbrConfig config, config_of(flags));
  SystemClock clock;
  obs::MetricRegistry registry;
  const extproc::BbrObserver observer = make_observer(registry, config);
  extproc::AdapterMaps adapters;
  std::unique_ptr<AdapterSource> source;
  if (needs_adapters(config)) {
    ASSIGN_OR_RETURN(source, AdapterSource::create(flags.adapters, adapters, clock));
  }
  ExtProcParts parts{.name = "bbr", .metrics_prefix = "bbr"};
  parts.server.message_seconds = &registry.histogram(
      "bbr_plugin_duration_seconds", "What all plugins together take for one message of a request.",
      {.0001, .0002, .0005, .001, .002, .005, .01, .02, .05, .1});
  parts.server.make_machine = [&] {
    return std::make_unique<extproc::BbrStream>(config, adapters.snapshot(), observer);
  };
  return run_extproc(flags.common, std::move(parts), registry, clock, shutdown);
}

}  // namespace

void add_bbr(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("bbr",
                         "Body-based routing: an ext_proc server that turns the model of a "
                         "request into a header for routes");
  auto flags = std::make_shared<BbrFlags>();
  flags->common.add_to(*command, 9004, 9005);
  command->add_flag("--tracing", flags->common.ignored,
                    "Accepted for the reference's charts; without effect: nothing is picked here");
  command
      ->add_option("--plugin", flags->plugins,
                   "TYPE:NAME or TYPE:NAME:JSON, repeatable: body-field-to-header {fieldName, "
                   "headerName}, base-model-to-header; default: model to X-Gateway-Model-Name")
      ->allow_extra_args(false);
  flags->adapters.add_to(*command);
  command->footer(
      "Examples:\n"
      "  rage bbr --secure-serving=false\n"
      "  rage bbr --plugin body-field-to-header:model --plugin base-model-to-header:base \\\n"
      "    --adapters adapters.yaml");
  command->callback([flags, &exit_code] { exit_code = exit_code_of(run_bbr(*flags)); });
}

}  // namespace rage::app
