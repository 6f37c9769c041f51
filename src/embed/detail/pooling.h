// From the last hidden states of a text's tokens to its vector.
#pragma once

#include <span>

#include "base/error.h"
#include "embed/bert_config.h"

namespace rage::embed::detail {

// The sum of the tokens' states (it points where the mean does, and only the direction is kept), or
// the first token's, scaled to length 1. `states` are rows of vector.size(), one a token and at
// least one. kInternal for a vector without a direction (all zero, or not finite).
Result<void> pool_tokens(Pooling pooling, std::span<const float> states, std::span<float> vector);

}  // namespace rage::embed::detail
