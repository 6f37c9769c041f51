#include <algorithm>
#include <random>

#include "kube/detail/backoff.h"

namespace rage::kube::detail {

using std::chrono::milliseconds;

milliseconds jitter(milliseconds most) {
  thread_local std::mt19937 random{std::random_device{}()};
  return milliseconds(std::uniform_int_distribution<milliseconds::rep>(
      0, std::max<milliseconds::rep>(most.count(), 0))(random));
}

milliseconds Backoff::next() {
  const milliseconds wait = std::min(most_, next_ + jitter(next_ / 2));
  next_ = std::min(most_, next_ * 2);
  return wait;
}

}  // namespace rage::kube::detail
