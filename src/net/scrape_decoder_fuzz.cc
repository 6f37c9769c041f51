// However the network cuts a reply, the same body comes out and the same end is seen; no limit is
// passed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/detail/scrape_decoder.h"

namespace {

using rage::net::detail::ScrapeDecoder;

constexpr std::size_t kBodyMax = 4096;

struct Seen {
  std::string body;
  bool done = false;
  bool failed = false;
  int status = 0;
};

Seen decode(std::string_view stream, std::size_t step, std::size_t head_max) {
  ScrapeDecoder decoder(head_max, kBodyMax);
  Seen seen;
  while (!stream.empty() && !decoder.done()) {
    std::string_view input = stream.substr(0, step);
    stream.remove_prefix(std::min(step, stream.size()));
    while (true) {
      const auto piece = decoder.next(input);
      if (!piece) {
        seen.failed = true;
        return seen;
      }
      if (piece->empty()) break;
      seen.body += *piece;
    }
    CHECK(decoder.done() || input.empty());
  }
  CHECK(seen.body.size() <= kBodyMax);
  if (!decoder.done()) seen.failed = !decoder.finish();
  seen.done = decoder.done();
  seen.status = decoder.status();
  CHECK(seen.done != seen.failed);
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const Seen whole = decode(stream, size, 1 << 20);
  const Seen cut = decode(stream, 1 + bytes[0] % 16, 1 << 20);
  CHECK(whole.failed == cut.failed);
  if (!whole.failed) {
    CHECK(whole.body == cut.body);
    CHECK(whole.status == cut.status);
  }
  (void)decode(stream, 1 + bytes[0] % 16, 64);
  return 0;
}
