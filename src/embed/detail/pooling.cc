#include "embed/detail/pooling.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace rage::embed::detail {

Result<void> pool_tokens(Pooling pooling, std::span<const float> states, std::span<float> vector) {
  if (pooling == Pooling::kCls) states = states.first(vector.size());
  std::ranges::fill(vector, 0.0F);
  for (std::size_t at = 0; at < states.size(); at += vector.size()) {
    for (std::size_t i = 0; i < vector.size(); ++i) vector[i] += states[at + i];
  }
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  if (!(squares > 0) || !std::isfinite(squares)) {
    return fail(ErrorCode::kInternal, "the model gave a vector without a direction");
  }
  const double scale = 1.0 / std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value * scale);
  return {};
}

}  // namespace rage::embed::detail
