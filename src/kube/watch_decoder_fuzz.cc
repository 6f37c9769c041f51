#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "kube/detail/watch_decoder.h"

namespace {

// What came out, and how it ended.
std::string decode(std::string_view bytes, std::size_t piece) {
  rage::kube::detail::WatchDecoder decoder(256);
  std::string out;
  const auto on_event = [&](const rage::kube::WatchEvent& event) {
    out += rage::codec::render_json(event.object) + "\n";
    return true;
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const auto fed = decoder.feed(bytes.substr(at, piece), on_event);
    if (!fed) return out + fed.error().message;
  }
  return out;
}

}  // namespace

// Where the network cuts makes no difference.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (text.empty()) return 0;
  const std::string whole = decode(text.substr(1), text.size());
  CHECK(decode(text.substr(1), 1 + bytes[0] % 16) == whole);
  return 0;
}
