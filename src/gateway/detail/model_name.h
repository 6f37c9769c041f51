// The model that a request's body names.
#pragma once

#include <string>
#include <string_view>

namespace rage::gateway::detail {

// Empty: none, or the body is no request that we know.
std::string find_model_name(std::string_view target, std::string_view content_type,
                            std::string_view body);

// Refusal::code_name of a picker that could not be asked: InferencePools that fail open do so then.
inline constexpr std::string_view kPickerUnavailable = "PickerUnavailable";

}  // namespace rage::gateway::detail
