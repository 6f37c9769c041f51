// `rage epp`: the endpoint picker of one pool, for Envoy and other proxies that speak ext_proc.
#include <memory>
#include <string>
#include <utility>

#include "epp_pool.h"
#include "extproc/epp_stream.h"
#include "extproc_service.h"
#include "picker/traced_picker.h"
#include "subcommands.h"
#include "tracing.h"

namespace rage::app {
namespace {

struct EppFlags {
  ExtProcFlags common;
  PoolFlags pool;
  std::string pick_timeout = "120s";
  bool emit_scores = false;
  bool disable_subset = false;
  bool tracing = true;
};

Result<extproc::EppConfig> config_of(const EppFlags& flags) {
  extproc::EppConfig config{.emit_scores = flags.emit_scores,
                            .ignore_subset = flags.disable_subset};
  ASSIGN_OR_RETURN(config.body_bytes_max, parse_byte_size(flags.common.body_max));
  ASSIGN_OR_RETURN(config.body_timeout, parse_flag_duration(flags.common.body_timeout));
  ASSIGN_OR_RETURN(config.pick_timeout, parse_flag_duration(flags.pick_timeout));
  return config;
}

Result<void> run_epp(const EppFlags& flags) {
  const ShutdownSignal shutdown;
  set_up_log(flags.common);
  ASSIGN_OR_RETURN(const extproc::EppConfig config, config_of(flags));
  SystemClock clock;
  obs::MetricRegistry registry;
  const Tracing tracing("rage-epp", registry);  // Before the picker, whose requests are spans.
  ASSIGN_OR_RETURN(const PickerOfPool made, make_picker_of_pool(flags.pool, clock, registry));
  const obs::Tracer untraced;
  picker::TracedPicker traced(*made.picker, flags.tracing ? tracing.tracer() : untraced);
  picker::EndpointPicker* const picker = &traced;
  ExtProcParts parts{.name = "epp", .metrics_prefix = "llm_d_epp"};
  parts.server.picker = picker;
  parts.server.ready = [&] { return picker->ready(); };
  parts.server.make_machine = [&] { return std::make_unique<extproc::EppStream>(config); };
  parts.debug_state = [picker] { return picker->debug_state(); };
  parts.api = made.client.get();
  parts.begin_drain = [&] { picker->begin_drain(); };
  return run_extproc(flags.common, std::move(parts), registry, clock, shutdown);
}

}  // namespace

void add_epp(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "epp", "The endpoint picker: an ext_proc server that chooses the model server of a request");
  auto flags = std::make_shared<EppFlags>();
  flags->common.add_to(*command, 9002, 9003);
  flags->pool.add_to(*command);
  command
      ->add_option("--pick-timeout", flags->pick_timeout,
                   "For a decision, queueing included; past that: 503")
      ->capture_default_str();
  command->add_flag("--emit-endpoint-scores", flags->emit_scores,
                    "Say the scores in dynamic metadata");
  command->add_flag("--tracing", flags->tracing,
                    "A span for each pick, where OTEL_EXPORTER_OTLP_ENDPOINT says whereto; "
                    "--tracing=false: none");
  command->add_flag("--disable-endpoint-subset-filter", flags->disable_subset,
                    "Do not heed the proxy's subset of endpoints");
  command->footer(
      "Examples:\n"
      "  rage epp --pool-name phi-inferencepool --pool-namespace demo --address 0.0.0.0\n"
      "  rage epp --endpoints-file endpoints.yaml --config-file picker.yaml\n"
      "  rage epp --endpoints 127.0.0.1:8000 --secure-serving=false");
  command->callback([flags, &exit_code] { exit_code = exit_code_of(run_epp(*flags)); });
}

}  // namespace rage::app
