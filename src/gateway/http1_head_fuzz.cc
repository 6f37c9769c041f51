// What our strict parser takes, Beast's parser takes as well and reads the same; and however the
// network cuts the bytes, the head ends in the same place.
#include <algorithm>
#include <boost/beast/http/empty_body.hpp>  // tidy-allow: third-party because it is the oracle
#include <boost/beast/http/parser.hpp>      // tidy-allow: third-party because it is the oracle
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "gateway/detail/http1_head.h"

namespace {

using namespace rage;
using namespace rage::gateway::detail;
namespace http = boost::beast::http;

bool is_hop_by_hop(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "connection", "content-length",    "expect",          "host", "keep-alive", "te", "trailer",
      "upgrade",    "transfer-encoding", "proxy-connection"};
  return std::ranges::any_of(kNames, [&](auto other) { return equals_ignoring_case(name, other); });
}

template <bool kRequest>
void check_fields(const http::parser<kRequest, http::empty_body>& theirs, const HeaderBlock& ours) {
  // Fields that Connection names are gone from ours; what is left comes in their order.
  std::size_t at = 0;
  for (const auto& field : theirs.get()) {
    const std::string_view name(field.name_string().data(), field.name_string().size());
    const std::string_view value(field.value().data(), field.value().size());
    if (is_hop_by_hop(name) || at == ours.size()) continue;
    const bool same = equals_ignoring_case(name, ours.name(at));
    if (same && value == ours.value(at)) ++at;
  }
  CHECK(at == ours.size());
}

template <bool kRequest>
bool beast_takes(http::parser<kRequest, http::empty_body>& parser, std::string_view head) {
  parser.eager(false);
  parser.header_limit(1 << 20);
  parser.body_limit(boost::none);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  return !error && parser.is_header_done();
}

void check_request(std::string_view head) {
  const auto ours = parse_request_head(head, {.bytes_max = 1 << 20, .fields_max = 10'000});
  if (!ours) return;
  http::parser<true, http::empty_body> theirs;
  CHECK(beast_takes(theirs, head));
  const auto& request = theirs.get();
  CHECK(ours->head.method ==
        std::string_view(request.method_string().data(), request.method_string().size()));
  CHECK((ours->framing.kind == Framing::Kind::kChunked) == theirs.chunked());
  const bool length = ours->framing.kind == Framing::Kind::kLength;
  CHECK(length == theirs.content_length().has_value());
  if (length) CHECK(ours->framing.length == *theirs.content_length());
  check_fields(theirs, ours->head.headers);
  // What we send is what we read.
  std::string out;
  render_request_head(ours->head, ours->framing, out);
  const auto again = parse_request_head(out, {.bytes_max = 2 << 20, .fields_max = 10'000});
  CHECK(again || ours->head.authority.empty());
  if (!again) return;
  CHECK(again->head.method == ours->head.method && again->head.target == ours->head.target);
  CHECK(again->framing == ours->framing);
  CHECK(again->head.headers.size() == ours->head.headers.size());
}

void check_response(std::string_view head) {
  const auto ours =
      parse_response_head(head, ReplyTo::kOther, {.bytes_max = 1 << 20, .fields_max = 10'000});
  if (!ours) return;
  http::parser<false, http::empty_body> theirs;
  // A line without a reason is fine with us, and with most; not with Beast.
  if (!beast_takes(theirs, head)) return;
  CHECK(ours->head.status == static_cast<int>(theirs.get().result_int()));
  check_fields(theirs, ours->head.headers);
  if (ours->framing.kind == Framing::Kind::kLength) {
    CHECK(ours->framing.length == *theirs.content_length());
  }
}

void check_scanner(std::string_view bytes, std::size_t step) {
  HeadScanner whole;
  const auto end = whole.find_end(bytes);
  HeadScanner cut;
  for (std::size_t size = step;; size += step) {
    const auto found = cut.find_end(bytes.substr(0, std::min(size, bytes.size())));
    if (!found || *found || size >= bytes.size()) {
      CHECK(found == end);
      return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_scanner(bytes, 1 + data[0] % 16);
  HeadScanner scanner;
  const auto end = scanner.find_end(bytes);
  if (!end || !*end) return 0;
  check_request(bytes.substr(0, **end));
  check_response(bytes.substr(0, **end));
  return 0;
}
