// From an EndpointPickerConfig to a scheduler.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "routing/picker_config.h"
#include "routing/prefix_source.h"
#include "routing/scheduler.h"

namespace rage::routing {

// kInvalidArgument, kUnimplemented: parameters of a scheduling plugin, or how they are combined,
// are wrong; the message says where. Decisions on one thread repeat for the same `random_seed`.
// `prefix_source`: instead of the approximate one that the configuration describes.
Result<std::unique_ptr<Scheduler>> make_scheduler(
    const PickerConfig& config, std::uint64_t random_seed,
    std::unique_ptr<PrefixSource> prefix_source = nullptr);

}  // namespace rage::routing
