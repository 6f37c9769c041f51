#include "picker/detail/core.h"

#include <algorithm>
#include <utility>

#include "picker/detail/refusals.h"

namespace rage::picker::detail {

Core::Core(DirectorOptions options_in, std::unique_ptr<routing::Scheduler> scheduler_in,
           Clock& clock_in, obs::MetricRegistry& registry)
    : options(std::move(options_in)),
      clock(clock_in),
      scheduler(std::move(scheduler_in)),
      metrics(registry, options.pool, options.metrics),
      in_flight(options.eviction.value_or(routing::EvictionOptions{})),
      generator(std::mt19937_64(options.seed.value_or(std::random_device{}()))) {
  if (!options.flow_control) return;
  AdmissionHooks hooks{.pool = [this](std::uint32_t pending) { return pool_state(pending); }};
  if (options.eviction) {
    hooks.blocked = [this](std::int32_t priority, std::uint64_t requests) {
      const std::size_t evictions =
          in_flight.evict_for(priority, requests, evicted(options.retry_after), clock.now());
      metrics.evictions_issued.add(static_cast<double>(evictions));
    };
  }
  admission = std::make_unique<Admission>(routing::make_flow_controller(*options.flow_control),
                                          clock, std::move(hooks));
}

double Core::random() {
  return generator.with(
      [](std::mt19937_64& engine) { return std::uniform_real_distribution<double>(0, 1)(engine); });
}

// What is on its way fills the pool as much as what has arrived, as far as the detector can tell.
double Core::saturation(std::span<const routing::Endpoint> endpoints, std::uint32_t pending) const {
  double full = routing::staged_saturation(endpoints, options.saturation, clock.now());
  const auto* concurrency = std::get_if<routing::ConcurrencyOptions>(&options.saturation);
  if (concurrency != nullptr && concurrency->mode != routing::ConcurrencyMode::kTokens) {
    full += pending / (static_cast<double>(concurrency->requests_max) *
                       static_cast<double>(std::max<std::size_t>(endpoints.size(), 1)));
  }
  return full;
}

routing::PoolState Core::pool_state(std::uint32_t pending) const {
  const EndpointTable::View view = table.view();
  return {.saturation = saturation(view.endpoints(), pending),
          .has_endpoints = !view.endpoints().empty()};
}

std::shared_ptr<const PoolContents> Core::contents() const {
  return known.with([](const auto& current) { return current; });
}

}  // namespace rage::picker::detail
