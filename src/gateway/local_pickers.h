// Our own endpoint picker for each pool, in this process: fed with the endpoints that the gateway
// sees anyway.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "gateway/build_snapshot.h"
#include "obs/metrics.h"
#include "picker/endpoint_source.h"

namespace rage::gateway {

// Resource. One thread. Clock and registry outlive it and the snapshots built with it.
class LocalPickers final : public PickerProvider {
 public:
  // `configuration`: an EndpointPickerConfig, YAML or JSON, for all pools that have none of their
  // own; empty: llm-d's defaults. kInvalidArgument says what is wrong with it.
  static Result<std::unique_ptr<LocalPickers>> create(std::string configuration, Clock& clock,
                                                      obs::MetricRegistry& registry);

  std::shared_ptr<picker::EndpointPicker> picker_of(
      const gatewayapi::World& world, const gatewayapi::ObjectName& pool,
      const gatewayapi::CompiledPool& compiled,
      const std::vector<routing::Endpoint>& endpoints) override;

  // Forgets the pickers of pools that `snapshot` does not have.
  void retain(const Snapshot& snapshot);
  // Refuses what waits at all of them.
  void begin_drain();

 private:
  struct Made {
    picker::PushSource* source = nullptr;  // The picker's.
    std::shared_ptr<picker::EndpointPicker> picker;
  };
  LocalPickers(std::string configuration, Clock& clock, obs::MetricRegistry& registry)
      : configuration_(std::move(configuration)), clock_(clock), registry_(registry) {}
  Result<Made> make(const gatewayapi::ObjectName& pool);

  const std::string configuration_;
  Clock& clock_;
  obs::MetricRegistry& registry_;
  std::map<gatewayapi::ObjectName, Made> made_;
};

}  // namespace rage::gateway
