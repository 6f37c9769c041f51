// What a director and the exchanges it made share. An exchange may outlive its director.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
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

// Resource. Thread-safe.
struct Core {
  Core(DirectorOptions options, std::unique_ptr<routing::Scheduler> scheduler, Clock& clock,
       obs::MetricRegistry& registry);

  // Uniform in [0, 1).
  double random();
  double saturation(std::span<const routing::Endpoint> endpoints, std::uint32_t pending) const;
  routing::PoolState pool_state(std::uint32_t pending) const;
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
  Guarded<std::shared_ptr<const PoolContents>> known;  // Null until the pool is known.
  Guarded<std::mt19937_64> generator;
  std::unique_ptr<Admission> admission;  // Null: no flow control. Last: its thread uses the rest.
};

// Sets the pool's gauges to what they are now.
void refresh_gauges(Core& core);

}  // namespace rage::picker::detail
