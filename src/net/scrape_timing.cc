#include <algorithm>
#include <cmath>

#include "net/detail/scrape_timing.h"

namespace rage::net::detail {

using std::chrono::nanoseconds;

SteadyTime first_due(SteadyTime epoch, SteadyTime now, nanoseconds interval,
                     std::uint64_t ordinal) {
  constexpr double kGoldenRatio = 0.618033988749894848;
  double whole = 0;
  const double phase = std::modf(static_cast<double>(ordinal) * kGoldenRatio, &whole);
  const auto offset =
      nanoseconds(static_cast<nanoseconds::rep>(phase * static_cast<double>(interval.count())));
  return next_due(epoch + offset - interval, now, interval);
}

SteadyTime next_due(SteadyTime due, SteadyTime now, nanoseconds interval) {
  if (now < due) return due + interval;
  return due + ((now - due) / interval + 1) * interval;
}

nanoseconds backoff_delay(nanoseconds interval, std::uint32_t failures, nanoseconds delay_max,
                          double random) {
  nanoseconds delay = interval;
  for (std::uint32_t i = 0; i < failures && delay < delay_max; ++i) delay *= 2;
  delay = std::max(interval, std::min(delay, delay_max));
  return nanoseconds(
      static_cast<nanoseconds::rep>(static_cast<double>(delay.count()) * (0.75 + 0.5 * random)));
}

}  // namespace rage::net::detail
