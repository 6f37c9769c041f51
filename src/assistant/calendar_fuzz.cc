#include <cstddef>
#include <cstdint>
#include <string_view>

#include "assistant/calendar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const auto document =
      codec::parse_json(std::string_view(reinterpret_cast<const char*>(bytes), size));
  if (!document) return 0;
  const auto session = assistant::session_of(*document);
  if (!session) return 0;
  (void)assistant::conference_json(*session);
  (void)assistant::render_calendar({&*session, 1}, TimeZone(), WallTime());
  return 0;
}
