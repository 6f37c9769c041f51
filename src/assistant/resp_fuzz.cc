// A server that is not Redis, or a broken one, must not bring us down.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "assistant/resp.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const rage::assistant::RespLimits limits{.bytes_max = 1 << 16, .items_max = 1000};
  const auto length = rage::assistant::measure_reply(bytes, limits);
  if (!length || *length == 0) return 0;
  CHECK(*length <= bytes.size());
  CHECK(rage::assistant::parse_reply(bytes.substr(0, *length), limits));  // Both say the same.
  // A reply that is whole is not whole with a byte less.
  const auto shorter = rage::assistant::measure_reply(bytes.substr(0, *length - 1), limits);
  CHECK(shorter && *shorter == 0);
  return 0;
}
