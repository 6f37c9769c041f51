#include "gateway/detail/http1_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "net/http.h"

namespace rage::gateway::detail {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// Bits of kClasses.
constexpr std::uint8_t kToken = 1;   // RFC 9110 5.6.2
constexpr std::uint8_t kValue = 2;   // Field values: no control characters but the tab.
constexpr std::uint8_t kTarget = 4;  // Visible ASCII without what no target holds.
constexpr std::uint8_t kHost = 8;    // Of an authority.

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const auto one_of = [c](std::string_view set) {
      return c != 0 && c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
    };
    std::uint8_t bits = 0;
    if (alnum || one_of("!#$%&'*+-.^_`|~")) bits |= kToken;
    if (c == '\t' || (c >= ' ' && c != 0x7F)) bits |= kValue;
    if (c > ' ' && c < 0x7F && !one_of("#<>\"\\^`{|}")) bits |= kTarget;
    if (c >= 0x80) bits |= kTarget;  // Not ours to correct; some clients send UTF-8.
    if (alnum || one_of("-._~:[]%!$&'()*+,;=")) bits |= kHost;
    classes[static_cast<std::size_t>(c)] = bits;
  }
  return classes;
}

constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

bool all_of_class(std::string_view text, std::uint8_t wanted) {
  std::uint8_t common = wanted;
  for (const char c : text) common &= kClasses[static_cast<unsigned char>(c)];
  return common != 0;
}

// Optional white space of fields; trim() of base takes more.
std::string_view trim_field(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Cuts off the first line. Each ends in CR LF: HeadScanner has seen to that.
std::string_view take_line(std::string_view& head) {
  const std::size_t end = head.find(kLineEnd);
  const std::string_view line = head.substr(0, end);
  head.remove_prefix(std::min(head.size(), end == head.npos ? end : end + kLineEnd.size()));
  return line;
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.size() > 18) return std::nullopt;
  return parse_uint(text);
}

// What the fields say about framing and connection, gathered while they are read.
struct FieldFacts {
  int hosts = 0;
  int lengths = 0;
  int transfer_encodings = 0;
  std::uint64_t length = 0;
  bool chunked = false;  // "chunked" and nothing else.
  bool close = false;
  bool keep_alive = false;
  bool expects = false;
  bool expects_continue = false;
  std::string_view host;
  std::vector<std::string> named;  // By Connection: these end here too.
};

// Fields between two neighbours alone (RFC 9110 7.6.1), which are never passed on.
enum class Special { kNone, kHost, kLength, kTransferEncoding, kConnection, kExpect, kHopByHop };

Special special_of(std::string_view name) {
  switch (name.size()) {
    case 2:
      return equals_ignoring_case(name, "te") ? Special::kHopByHop : Special::kNone;
    case 4:
      return equals_ignoring_case(name, "host") ? Special::kHost : Special::kNone;
    case 6:
      return equals_ignoring_case(name, "expect") ? Special::kExpect : Special::kNone;
    case 7:
      return equals_ignoring_case(name, "trailer") || equals_ignoring_case(name, "upgrade")
                 ? Special::kHopByHop
                 : Special::kNone;
    case 10:
      if (equals_ignoring_case(name, "connection")) return Special::kConnection;
      return equals_ignoring_case(name, "keep-alive") ? Special::kHopByHop : Special::kNone;
    case 14:
      return equals_ignoring_case(name, "content-length") ? Special::kLength : Special::kNone;
    case 16:
      return equals_ignoring_case(name, "proxy-connection") ? Special::kHopByHop : Special::kNone;
    case 17:
      return equals_ignoring_case(name, "transfer-encoding") ? Special::kTransferEncoding
                                                             : Special::kNone;
    default:
      return Special::kNone;
  }
}

void note_connection(std::string_view value, FieldFacts& facts) {
  for (const std::string_view part : split(value, ',')) {
    const std::string_view option = trim_field(part);
    if (equals_ignoring_case(option, "close")) {
      facts.close = true;
    } else if (equals_ignoring_case(option, "keep-alive")) {
      facts.keep_alive = true;
    } else if (!option.empty()) {
      facts.named.push_back(to_lower_ascii(option));
    }
  }
}

// False if the value makes no sense.
bool note_special(Special special, std::string_view value, FieldFacts& facts) {
  switch (special) {
    case Special::kHost:
      ++facts.hosts;
      facts.host = value;
      return all_of_class(value, kHost);
    case Special::kLength: {
      ++facts.lengths;
      const auto length = parse_length(value);
      facts.length = length.value_or(0);
      return length.has_value();
    }
    case Special::kTransferEncoding:
      ++facts.transfer_encodings;
      facts.chunked = equals_ignoring_case(value, "chunked");
      return true;
    case Special::kConnection:
      note_connection(value, facts);
      return true;
    case Special::kExpect:
      facts.expects = true;
      facts.expects_continue = equals_ignoring_case(value, "100-continue");
      return true;
    case Special::kHopByHop:
    case Special::kNone:
      return true;
  }
  return true;
}

std::expected<FieldFacts, Refusal> read_fields(std::string_view head, const HeadLimits& limits,
                                               HeaderBlock& headers) {
  FieldFacts facts;
  std::size_t count = 0;
  headers.reserve(head.size(), 16);
  while (true) {
    const std::string_view line = take_line(head);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    // A leading space is an old way to go on with the line before, a space before the colon a way
    // to hide a field from one of two readers.
    if (colon == line.npos || name.empty() || !all_of_class(name, kToken)) {
      return std::unexpected(Refusal{400, "malformed header field"});
    }
    const std::string_view value = trim_field(line.substr(colon + 1));
    if (!all_of_class(value, kValue)) {
      return std::unexpected(Refusal{400, "control character in a header field"});
    }
    if (++count > limits.fields_max) {
      return std::unexpected(Refusal{431, "too many header fields"});
    }
    const Special special = special_of(name);
    if (special == Special::kNone) {
      headers.add(name, value);
    } else if (!note_special(special, value, facts)) {
      return std::unexpected(
          Refusal{400, special == Special::kHost ? "malformed Host" : "malformed Content-Length"});
    }
  }
  for (const std::string& name : facts.named) headers.remove(name);
  return facts;
}

std::optional<Refusal> check_framing(const FieldFacts& facts, bool http_1_1) {
  if (facts.lengths > 1) return Refusal{400, "more than one Content-Length"};
  if (facts.transfer_encodings == 0) return std::nullopt;
  if (facts.lengths > 0) return Refusal{400, "both Content-Length and Transfer-Encoding"};
  if (!http_1_1) return Refusal{400, "HTTP/1.0 has no transfer encodings"};
  if (facts.transfer_encodings > 1 || !facts.chunked) {
    return Refusal{501, "this transfer encoding is not supported"};
  }
  return std::nullopt;
}

Framing framing_of(const FieldFacts& facts) {
  if (facts.chunked) return Framing::chunked();
  if (facts.lengths > 0) return Framing::of_length(facts.length);
  return {};
}

// "HTTP/1.1" is true, "HTTP/1.0" false.
std::expected<bool, Refusal> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return true;
  if (text == "HTTP/1.0") return false;
  const bool other = text.size() == 8 && text.starts_with("HTTP/") && is_ascii_digit(text[5]) &&
                     text[6] == '.' && is_ascii_digit(text[7]);
  if (other) return std::unexpected(Refusal{505, "this version of HTTP is not supported"});
  return std::unexpected(Refusal{400, "malformed request line"});
}

// A segment that is "." or "..", however it is written, means another path to whoever resolves it
// than to the routes that were matched.
bool has_dot_segment(std::string_view path) {
  if (path.find('.') == path.npos && path.find('%') == path.npos) return false;
  for (std::string_view segment : split(path, '/')) {
    int dots = 0;
    while (!segment.empty()) {
      if (segment.front() == '.') {
        segment.remove_prefix(1);
      } else if (segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' &&
                 (segment[2] == 'e' || segment[2] == 'E')) {
        segment.remove_prefix(3);
      } else {
        break;
      }
      ++dots;
    }
    if (segment.empty() && (dots == 1 || dots == 2)) return true;
  }
  return false;
}

void append_number(std::uint64_t number, std::string& out) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_field(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append(kLineEnd);
}

void append_fields(const HeaderBlock& headers, std::string& out) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    append_field(headers.name(i), headers.value(i), out);
  }
}

void append_framing(const Framing& framing, std::string& out) {
  if (framing.kind == Framing::Kind::kChunked) {
    out.append("transfer-encoding: chunked\r\n");
  } else if (framing.length_known) {
    out.append("content-length: ");
    append_number(framing.length, out);
    out.append(kLineEnd);
  }
}

}  // namespace

std::optional<Refusal> read_target(std::string_view target, RequestHead& head) {
  if (target.empty() || !all_of_class(target, kTarget)) {
    return Refusal{400, "malformed request target"};
  }
  if (head.method == "CONNECT") return Refusal{405, "CONNECT is not supported"};
  if (!target.starts_with('/') && target != "*") {
    // RFC 9112 3.2.2: the form that goes through proxies; its authority overrules Host.
    const bool http = target.size() > 7 && equals_ignoring_case(target.substr(0, 7), "http://");
    const bool https = target.size() > 8 && equals_ignoring_case(target.substr(0, 8), "https://");
    if (!http && !https) return Refusal{400, "malformed request target"};
    target.remove_prefix(http ? 7 : 8);
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    head.authority = target.substr(0, end);
    target.remove_prefix(end);
    if (head.authority.empty() || !all_of_class(head.authority, kHost)) {
      return Refusal{400, "malformed request target"};
    }
  }
  head.target =
      target.starts_with('/') || target == "*" ? std::string(target) : "/" + std::string(target);
  if (has_dot_segment(target.substr(0, target.find('?')))) {
    return Refusal{400, "the path has dot segments; resolve them before sending"};
  }
  return std::nullopt;
}

std::expected<std::optional<std::size_t>, Refusal> HeadScanner::find_end(std::string_view bytes) {
  while (true) {
    const std::size_t feed = bytes.find('\n', scanned_);
    if (feed == bytes.npos) {
      scanned_ = bytes.size();
      return std::nullopt;
    }
    if (feed == line_at_ || bytes[feed - 1] != '\r') {
      return std::unexpected(Refusal{400, "a line ends without a carriage return"});
    }
    const bool blank = feed == line_at_ + 1;
    scanned_ = line_at_ = feed + 1;
    if (blank) return scanned_;
  }
}

std::expected<ParsedRequestHead, Refusal> parse_request_head(std::string_view head,
                                                             const HeadLimits& limits) {
  ParsedRequestHead parsed;
  const std::string_view line = take_line(head);
  const std::size_t space = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (space == line.npos || last == space) {
    return std::unexpected(Refusal{400, "malformed request line"});
  }
  parsed.head.method = line.substr(0, space);
  if (parsed.head.method.empty() || !all_of_class(parsed.head.method, kToken)) {
    return std::unexpected(Refusal{400, "malformed method"});
  }
  const auto version = parse_version(line.substr(last + 1));
  if (!version) return std::unexpected(version.error());
  parsed.http_1_1 = *version;
  auto facts = read_fields(head, limits, parsed.head.headers);
  if (!facts) return std::unexpected(std::move(facts).error());
  if (facts->hosts > 1 || (facts->hosts == 0 && parsed.http_1_1)) {
    return std::unexpected(Refusal{400, "a request needs exactly one Host"});
  }
  parsed.head.authority = facts->host;
  if (auto refusal = read_target(line.substr(space + 1, last - space - 1), parsed.head)) {
    return std::unexpected(*std::move(refusal));
  }
  if (auto refusal = check_framing(*facts, parsed.http_1_1)) {
    return std::unexpected(*std::move(refusal));
  }
  if (facts->expects && !facts->expects_continue) {
    return std::unexpected(Refusal{417, "this expectation is not supported"});
  }
  parsed.framing = framing_of(*facts);
  parsed.keep_alive = !facts->close && (parsed.http_1_1 || facts->keep_alive);
  const bool has_body = facts->chunked || facts->length > 0;
  parsed.expects_continue = facts->expects_continue && parsed.http_1_1 && has_body;
  return parsed;
}

std::expected<ParsedResponseHead, std::string> parse_response_head(std::string_view head,
                                                                   ReplyTo reply_to,
                                                                   const HeadLimits& limits) {
  const std::string_view line = take_line(head);
  ParsedResponseHead parsed;
  const bool http_1_1 = line.starts_with("HTTP/1.1 ");
  if (!http_1_1 && !line.starts_with("HTTP/1.0 ")) return std::unexpected("not HTTP/1.1");
  const auto status = parse_uint(line.substr(9, 3));
  if (!status || *status < 100 || *status > 599 || (line.size() > 12 && line[12] != ' ')) {
    return std::unexpected("malformed status line");
  }
  parsed.head.status = static_cast<int>(*status);
  auto facts = read_fields(head, limits, parsed.head.headers);
  if (!facts) return std::unexpected(std::move(facts).error().text);
  if (auto refusal = check_framing(*facts, http_1_1)) {
    return std::unexpected(std::move(refusal)->text);
  }
  parsed.keep_alive = !facts->close && (http_1_1 || facts->keep_alive);
  const bool bodiless =
      reply_to == ReplyTo::kHead || *status < 200 || *status == 204 || *status == 304;
  parsed.framing = framing_of(*facts);
  if (bodiless) {
    parsed.framing.kind = Framing::Kind::kNone;
    if (*status < 200 || *status == 204) parsed.framing.length_known = false;
  } else if (parsed.framing.kind == Framing::Kind::kNone) {
    parsed.framing.kind = Framing::Kind::kUntilClose;
    parsed.keep_alive = false;
  }
  return parsed;
}

void render_request_head(const RequestHead& head, const Framing& framing, std::string& out) {
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\nhost: ");
  out.append(head.authority).append(kLineEnd);
  append_fields(head.headers, out);
  append_framing(framing, out);
  out.append(kLineEnd);
}

void render_response_head(const ResponseHead& head, const Framing& framing, Persistence persistence,
                          std::string& out) {
  out.append("HTTP/1.1 ");
  append_number(static_cast<std::uint64_t>(head.status), out);
  out.append(" ").append(net::reason_phrase(head.status)).append(kLineEnd);
  append_fields(head.headers, out);
  append_framing(framing, out);
  if (persistence == Persistence::kClose) out.append("connection: close\r\n");
  if (persistence == Persistence::kKeepAlive10) out.append("connection: keep-alive\r\n");
  out.append(kLineEnd);
}

}  // namespace rage::gateway::detail
