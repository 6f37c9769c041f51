// However the network cuts a body, the same bytes come out and the same rest is left.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "gateway/detail/http1_body.h"

namespace {

using namespace rage::gateway::detail;

struct Seen {
  std::string body;
  std::size_t used = 0;
  bool done = false;
  bool refused = false;
  bool operator==(const Seen&) const = default;
};

Seen decode(std::string_view bytes, std::size_t step, const Framing& framing) {
  BodyDecoder decoder(framing);
  Seen seen;
  while (seen.used < bytes.size() && !decoder.done()) {
    std::string_view piece = bytes.substr(seen.used, step);
    while (!piece.empty() && !decoder.done()) {
      const std::size_t before = piece.size();
      const auto payload = decoder.next(piece);
      seen.used += before - piece.size();
      if (!payload) {
        seen.refused = true;
        return seen;
      }
      seen.body += *payload;
    }
  }
  seen.done = decoder.done();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = 1 + data[0] % 16;
  const Seen whole = decode(bytes, bytes.size(), Framing::chunked());
  CHECK(whole == decode(bytes, step, Framing::chunked()));
  CHECK(decode(bytes, step, Framing::of_length(data[0])) ==
        decode(bytes, bytes.size(), Framing::of_length(data[0])));
  // What we write is read as what it was.
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) append_chunk(bytes.substr(at, step), out);
  out += kLastChunk;
  const Seen again = decode(out, step, Framing::chunked());
  CHECK(again.done && again.body == bytes && again.used == out.size());
  return 0;
}
