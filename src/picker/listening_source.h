// An endpoint source whose endpoints' KV-cache events are listened to.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "picker/endpoint_source.h"
#include "routing/picker_config.h"
#include "routing/scheduler.h"

namespace rage::picker {

// The scheduler of a configuration, and its endpoints' source: if the scheduler wants to hear of KV
// caches, a subscriber follows what the source says.
struct ListeningParts {
  std::unique_ptr<routing::Scheduler> scheduler;  // Outlives the source.
  std::unique_ptr<EndpointSource> source;
};
// Errors as make_scheduler() and make_precise_prefix() have them.
Result<ListeningParts> make_listening_parts(const routing::PickerConfig& config,
                                            std::uint64_t random_seed,
                                            std::unique_ptr<EndpointSource> source);

}  // namespace rage::picker
