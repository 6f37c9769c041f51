// However the network cuts a stream of requests, the same requests come out,
// and the same refusal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "net/detail/request_parser.h"

namespace {

using namespace rage::net;

struct Seen {
  std::vector<std::string> requests;
  std::optional<int> refused;
};

std::string flatten(const detail::ParsedRequest& parsed) {
  const HttpRequest& request = parsed.request;
  std::string out = request.method + '\0' + request.path + '\0' + request.query + '\0';
  for (const auto& [name, value] : request.headers.entries()) out += name + '\0' + value + '\0';
  out += parsed.keep_alive ? 'k' : 'c';
  return out + request.body;
}

Seen parse(std::string_view stream, std::size_t step, const detail::RequestLimits& limits) {
  detail::RequestParser parser(limits);
  Seen seen;
  std::string buffered;
  while (!stream.empty()) {
    buffered += stream.substr(0, step);
    stream.remove_prefix(std::min(step, stream.size()));
    while (true) {
      const auto used = parser.feed(buffered);
      if (!used) {
        seen.refused = used.error().status;
        return seen;
      }
      CHECK(*used <= buffered.size());
      buffered.erase(0, *used);
      (void)parser.take_expects_continue();
      if (!parser.done()) break;
      const detail::ParsedRequest parsed = parser.take();
      CHECK(parsed.request.body.size() <= limits.body_bytes_max);
      seen.requests.push_back(flatten(parsed));
      if (buffered.empty()) break;
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const detail::RequestLimits roomy{.header_bytes_max = 1 << 20, .body_bytes_max = 1 << 16};
  const Seen whole = parse(stream, size, roomy);
  const Seen cut = parse(stream, 1 + bytes[0] % 16, roomy);
  CHECK(whole.requests == cut.requests);
  // A head that has not ended may be refused sooner or later.
  if (whole.refused && cut.refused) CHECK(whole.refused == cut.refused);
  // Under tight limits the cut may decide which limit is noticed first.
  (void)parse(stream, 1 + bytes[0] % 16, {.header_bytes_max = 64, .body_bytes_max = 16});
  return 0;
}
