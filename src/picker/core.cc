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

double Core::saturation(std::span<const routing::Endpoint> endpoints) const {
  return routing::staged_saturation(endpoints, options.saturation, clock.now());
}

// Above so many endpoints the pool is measured once a millisecond; what was sent and has ended
// since is counted all the same, as far as the detector looks at it.
routing::PoolState Core::pool_state(std::uint32_t pending) {
  constexpr std::size_t kMany = 256;
  constexpr auto kFresh = std::chrono::milliseconds(1);
  const SteadyTime now = clock.now();
  std::optional<MeasuredPool> pool = measured.with([](const auto& last) { return last; });
  if (!pool || pool->endpoints < kMany || now - pool->at >= kFresh) {
    const std::int64_t before = charged.load();
    const EndpointTable::View view = table.view();
    pool = MeasuredPool{.at = now,
                        .saturation = saturation(view.endpoints()),
                        .endpoints = view.endpoints().size(),
                        .charged = before};
    measured.with([&](auto& last) { last = pool; });
  }
  const auto* concurrency = std::get_if<routing::ConcurrencyOptions>(&options.saturation);
  if (concurrency != nullptr && concurrency->mode != routing::ConcurrencyMode::kTokens) {
    const auto more = static_cast<double>(charged.load() - pool->charged + pending);
    pool->saturation += more / (static_cast<double>(concurrency->requests_max) *
                                static_cast<double>(std::max<std::size_t>(pool->endpoints, 1)));
  }
  return {.saturation = std::max(0.0, pool->saturation), .has_endpoints = pool->endpoints > 0};
}

std::shared_ptr<const PoolContents> Core::contents() const {
  return known.with([](const auto& current) { return current; });
}

}  // namespace rage::picker::detail
