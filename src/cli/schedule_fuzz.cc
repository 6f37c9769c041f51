// Schedules are written by others: pages, feeds and files must not bring us down, and what was read
// once must be read the same from what we write.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "cli/schedule_parse.h"
#include "cli/schedule_time.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rage::cli;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string base = "https://e.org/scale/23x/presentations";
  (void)parse_session_page(bytes);
  for (const Session& session : parse_list_page(bytes, base).sessions) {
    CHECK(!session.url.empty());
  }
  if (const auto instant = parse_instant(bytes)) (void)los_angeles_of(*instant);
  const auto parsed = parse_schedule_json(bytes, base);
  if (!parsed) return 0;
  const auto document = index_schedule(parsed->sessions, "x");
  const auto again = parse_schedule_json(rage::codec::render_json(document), base);
  CHECK(again);
  CHECK(again->sessions == parsed->sessions);
  return 0;
}
