// Time as a dependency: real in production, set by hand in tests.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <stop_token>

#include "base/mutex.h"

namespace rage {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

// Interface. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime now() const = 0;
  virtual WallTime wall_now() const = 0;
  // False once `stop` is requested, at the latest within a few milliseconds of the request.
  virtual bool sleep_for(std::chrono::nanoseconds duration, std::stop_token stop) = 0;
};

class SystemClock final : public Clock {
 public:
  SteadyTime now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }
  bool sleep_for(std::chrono::nanoseconds duration, std::stop_token stop) override;
};

// Seconds since the Unix epoch.
std::int64_t unix_seconds(WallTime time);

}  // namespace rage
