// precise-prefix-cache-producer: a PrefixSource that engines feed with events of their KV caches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "routing/kv_event_sink.h"
#include "routing/picker_config.h"
#include "routing/prefix_source.h"

namespace rage::routing {

struct PrecisePrefix {
  std::unique_ptr<PrefixSource> source;  // For make_scheduler().
  KvEventSink* sink = nullptr;           // Lives as long as `source`, which the scheduler owns.
  std::uint16_t port = 5557;             // Where rank 0 publishes; rank r: port + r.
  std::string topic = "kv@";             // What topics begin with.
};

// None: the configuration has no such plugin. kInvalidArgument, kUnimplemented: what is wrong with
// its parameters, and where.
Result<std::optional<PrecisePrefix>> make_precise_prefix(const PickerConfig& config);

}  // namespace rage::routing
