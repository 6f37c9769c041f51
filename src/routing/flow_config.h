// Flow control and saturation as an EndpointPickerConfig asks for them: plugins' parameters to
// options.
#pragma once

#include "base/error.h"
#include "routing/flow_options.h"
#include "routing/picker_config.h"
#include "routing/saturation.h"

namespace rage::routing {

// kInvalidArgument: a parameter that is unknown, of another type or out of range, or a policy of
// the wrong kind. The feature gate is not looked at.
Result<FlowControlOptions> flow_control_options(const PickerConfig& config);

// Of flowControl.saturationDetector; the default detector if it names none.
Result<SaturationOptions> saturation_options(const PickerConfig& config);
// Of a plugin of type utilization-detector or concurrency-detector.
Result<SaturationOptions> saturation_options(const PluginSpec& detector);

// Of a plugin of type probabilistic-admitter.
Result<ProbabilisticAdmitterOptions> probabilistic_admitter_options(const PluginSpec& admitter);

}  // namespace rage::routing
