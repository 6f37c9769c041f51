// Models that the image of the llamacpp runtime holds.
#pragma once

#include <string>
#include <string_view>

namespace rage::op::detail {

// "SmolLM2-135M-Instruct" for "packaged:SmolLM2-135M-Instruct" and "smollm2-135m-instruct"; empty
// for any other preset, and for names that would not stay below the folder of packaged models.
std::string packaged_model_name(std::string_view preset);

}  // namespace rage::op::detail
