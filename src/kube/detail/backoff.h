// Exponential back-off with jitter, so that many clients do not come back in step.
#pragma once

#include <chrono>

namespace rage::kube::detail {

// Value. One thread.
class Backoff final {
 public:
  Backoff(std::chrono::milliseconds least, std::chrono::milliseconds most)
      : least_(least), most_(most), next_(least) {}

  // least, 2 least, 4 least, ... each with up to half of it on top, never more than `most`.
  std::chrono::milliseconds next();
  void reset() { next_ = least_; }

 private:
  std::chrono::milliseconds least_;
  std::chrono::milliseconds most_;
  std::chrono::milliseconds next_;
};

// Uniform in [0, most].
std::chrono::milliseconds jitter(std::chrono::milliseconds most);

}  // namespace rage::kube::detail
