// What a director and the exchanges it made share. An exchange may outlive its director.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>

#include "base/clock.h"
#include "base/mutex.h"
#include "picker/detail/admission.h"
#include "picker/detail/in_flight.h"
#include "picker/endpoint_source.h"
#include "picker/endpoint_table.h"
#include "picker/make_director.h"
#include "picker/metrics.h"
#include "routing/scheduler.h"

namespace rage::picker::detail {

// How full a large pool was a moment ago: looking at all of it takes longer than deciding.
struct MeasuredPool {
  SteadyTime at;
  double saturation = 0;
  std::size_t endpoints = 0;
  std::int64_t charged = 0;
};

// Resource. Thread-safe.
struct Core {
  Core(DirectorOptions options, std::unique_ptr<routing::Scheduler> scheduler, Clock& clock,
       obs::MetricRegistry& registry);

  // Uniform in [0, 1).
  double random();
  double saturation(std::span<const routing::Endpoint> endpoints) const;
  // With `pending` requests that are on their way to endpoints which do not know of them yet.
  routing::PoolState pool_state(std::uint32_t pending);
  std::shared_ptr<const PoolContents> contents() const;
  void on_capacity() {
    if (admission) admission->wake();
  }

  const DirectorOptions options;
  Clock& clock;
  const std::unique_ptr<routing::Scheduler> scheduler;
  EndpointTable table;
  PickerMetrics metrics;
  InFlightRequests in_flight;
  std::atomic<bool> draining = false;
  std::atomic<std::uint64_t> next_id = 1;
  std::atomic<std::int64_t> charged = 0;  // Requests in flight, over all endpoints.
  Guarded<std::optional<MeasuredPool>> measured;
  Guarded<std::shared_ptr<const PoolContents>> known;  // Null until the pool is known.
  Guarded<std::mt19937_64> generator;
  std::unique_ptr<Admission> admission;  // Null: no flow control. Last: its thread uses the rest.
};

// Sets the pool's gauges to what they are now.
void refresh_gauges(Core& core);

}  // namespace rage::picker::detail
