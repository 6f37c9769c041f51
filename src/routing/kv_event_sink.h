// Who is told what engines' KV caches hold.
#pragma once

#include <cstdint>
#include <string_view>

#include "routing/endpoint.h"
#include "routing/kv_events.h"

namespace rage::routing {

// Interface. Thread-safe; calls for one endpoint come one after the other.
class KvEventSink {
 public:
  virtual ~KvEventSink() = default;
  // `sequence`: the batch's number at its publisher. After a gap nothing is known for sure, so what
  // was known of that endpoint is forgotten first.
  virtual void on_kv_events(const Endpoint& endpoint, std::string_view model,
                            std::uint64_t sequence, const KvEventBatch& batch) = 0;
  // Nobody listens to that endpoint any more, or what it said could not be read.
  virtual void forget(const Endpoint& endpoint) = 0;
};

}  // namespace rage::routing
