#include <cstddef>
#include <cstdint>
#include <string_view>

#include "assistant/page_theme.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  (void)rage::assistant::parse_theme(std::string_view(reinterpret_cast<const char*>(bytes), size));
  return 0;
}
