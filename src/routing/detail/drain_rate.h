// How fast the queues drain: dispatches a second, the last ten seconds counting most.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/clock.h"

namespace rage::routing::detail {

// Value. One thread.
class DrainRate final {
 public:
  void count(SteadyTime now) {
    if (!first_) first_ = last_ = now;
    weight_ = decayed(now) + 1;
    last_ = std::max(last_, now);
  }
  // 0 before the first.
  double per_second(SteadyTime now) const {
    if (!first_) return 0;
    // What was seen for a short time only stands for less than a whole window; less than a second
    // says nothing yet.
    const double seen = std::max(1.0, seconds(now - *first_));
    return decayed(now) / (kWindowSeconds * (1 - std::exp(-seen / kWindowSeconds)));
  }

 private:
  static constexpr double kWindowSeconds = 10;
  static double seconds(SteadyTime::duration time) {
    return std::chrono::duration<double>(time).count();
  }
  double decayed(SteadyTime now) const {
    return weight_ * std::exp(-std::max(0.0, seconds(now - last_)) / kWindowSeconds);
  }

  std::optional<SteadyTime> first_;
  SteadyTime last_;
  double weight_ = 0;
};

}  // namespace rage::routing::detail
