#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "codec/sse.h"

// Events must not depend on where the network cut the bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::codec;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  std::vector<std::string> whole, pieces;
  SseParser one(1 << 16), other(1 << 16);
  const auto first = one.feed(text, [&](SseEvent event) { whole.push_back(event.data); });
  bool failed = false;
  for (std::size_t i = 0; i < size && !failed; ++i) {
    failed = !other.feed(text.substr(i, 1), [&](SseEvent event) { pieces.push_back(event.data); });
  }
  CHECK(failed == !first.has_value());
  CHECK(whole == pieces);
  return 0;
}
