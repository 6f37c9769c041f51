#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ragserver/access.h"

// Any file: keys that can be used, or an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const auto keys = ragserver::parse_api_keys({reinterpret_cast<const char*>(bytes), size});
  if (!keys) return 0;
  CHECK(!keys->empty());
  for (const ragserver::ApiKey& key : *keys) CHECK(key.sha256.size() == 64 && !key.name.empty());
  return 0;
}
