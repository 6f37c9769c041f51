#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "text/unicode.h"

// Repairing is idempotent, agrees with the check, and keeps the number of code points.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::text;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::string repaired = to_valid_utf8(text);
  CHECK(is_valid_utf8(repaired));
  CHECK(is_valid_utf8(text) == (repaired == text));
  CHECK(to_valid_utf8(repaired) == repaired);
  const std::size_t count = count_code_points(text);
  CHECK(count == count_code_points(repaired));
  std::string again;
  for (std::size_t at = 0; at < size;) append_utf8(again, next_code_point(text, at));
  CHECK(again == repaired);
  const std::string_view half = take_code_points(text, count / 2);
  CHECK(count_code_points(half) == count / 2);
  CHECK(take_code_points(text, count) == text);
  return 0;
}
