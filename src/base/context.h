// What travels with every call that may wait: when to give up and who may cancel.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace rage {

// Value. Copy freely; the stop token is shared with whoever may cancel.
struct Context {
  std::optional<SteadyTime> deadline = std::nullopt;  // None: no limit of its own.
  std::stop_token stop = {};
  std::string request_id = {};

  static Context with_timeout(std::chrono::milliseconds timeout) {
    return Context{.deadline = std::chrono::steady_clock::now() + timeout};
  }

  // Time left, at most `most`; never negative.
  std::chrono::milliseconds remaining(std::chrono::milliseconds most) const;

  // kCancelled or kDeadlineExceeded when there is no point in going on.
  Result<void> check() const;
};

}  // namespace rage
