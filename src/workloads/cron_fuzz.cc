#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "workloads/cron.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const auto schedule =
      workloads::parse_cron(std::string_view(reinterpret_cast<const char*>(bytes), size));
  if (!schedule) return 0;
  const WallTime from{std::chrono::seconds(1'767'225'600)};
  const auto next = workloads::next_tick(*schedule, TimeZone(), from);
  if (next) {
    CHECK(*next > from);
    CHECK(workloads::last_tick(*schedule, TimeZone(), from, *next) == next);
  }
  return 0;
}
