// What vLLM must be told for a model, from its name and architecture. The tables are KAITO's.
#pragma once

#include <string_view>

#include "catalog/catalog.h"

namespace rage::catalog::detail {

enum class WeightFormat { kHuggingFace, kMistral };

// `name`: the short lower-case repository name, "phi-4".
VllmSettings vllm_settings(std::string_view name, std::string_view architecture,
                           std::string_view quantization, WeightFormat format);

// Whether vLLM serves that architecture.
bool is_served_architecture(std::string_view architecture);

}  // namespace rage::catalog::detail
