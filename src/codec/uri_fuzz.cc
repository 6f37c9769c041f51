#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "codec/uri.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::codec;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  CHECK(percent_decode(percent_encode(text)) == text);
  (void)percent_decode(text);
  (void)parse_query(text);
  return 0;
}
