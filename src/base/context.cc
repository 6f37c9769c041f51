#include "base/context.h"

#include <algorithm>

namespace rage {

std::chrono::milliseconds Context::remaining(std::chrono::milliseconds most) const {
  if (!deadline) return most;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      *deadline - std::chrono::steady_clock::now());
  return std::clamp(left, std::chrono::milliseconds(0), most);
}

Result<void> Context::check() const {
  if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "the request was cancelled");
  if (deadline && std::chrono::steady_clock::now() >= *deadline) {
    return fail(ErrorCode::kDeadlineExceeded, "the request ran out of time");
  }
  return {};
}

}  // namespace rage
