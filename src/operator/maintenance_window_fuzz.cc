// Any schedule a user can write: parsed or refused, and asked whether it is open, within limits.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "operator/maintenance_window.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const rage::apis::MaintenanceWindow window{.schedule = text};
  const rage::WallTime now{std::chrono::seconds{1'800'000'000}};
  const auto schedule = rage::op::parse_cron(text);
  if (rage::op::is_open(window, now) && !schedule) __builtin_trap();
  if (schedule) {
    const auto next = rage::op::next_tick(*schedule, now);
    if (next && *next <= now) __builtin_trap();
  }
  return 0;
}
