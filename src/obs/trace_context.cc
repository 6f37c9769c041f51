#include "obs/trace_context.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "base/check.h"
#include "base/sha256.h"
#include "base/strings.h"

namespace rage::obs {
namespace {

constexpr std::size_t kTraceparentBytes = 55;  // Of version 00.
constexpr std::size_t kStateBytesMax = 512;
constexpr std::size_t kStateMembersMax = 32;
constexpr std::size_t kStateKeyBytesMax = 256;
constexpr std::size_t kStateValueBytesMax = 256;
constexpr std::uint8_t kSampledFlag = 0x01;
constexpr std::uint8_t kRandomFlag = 0x02;

// Lower case only, as the standard has it; -1 otherwise.
int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// False unless `text` is exactly two digits a byte.
bool parse_hex(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit_of(text[2 * i]);
    const int low = digit_of(text[(2 * i) + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return true;
}

bool is_zero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

bool is_key_char(char c) {
  return (c >= 'a' && c <= 'z') || is_ascii_digit(c) || c == '_' || c == '-' || c == '*' ||
         c == '/' || c == '@';
}

// "vendor=value"; the value is printable without ',' and '='.
bool is_member(std::string_view member) {
  const std::size_t equals = member.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals > kStateKeyBytesMax) return false;
  const std::string_view key = member.substr(0, equals);
  const std::string_view value = member.substr(equals + 1);
  const bool begins = (key[0] >= 'a' && key[0] <= 'z') || is_ascii_digit(key[0]);
  return begins && std::ranges::all_of(key, is_key_char) && !value.empty() &&
         value.size() <= kStateValueBytesMax && std::ranges::all_of(value, [](char c) {
           return c >= 0x20 && c <= 0x7E && c != ',' && c != '=';
         });
}

std::string parse_state(std::string_view text) {
  std::string state;
  std::size_t members = 0;
  bool full = false;
  for (const std::string_view part : split(text, ',')) {
    const std::string_view member = trim(part);
    if (member.empty()) continue;  // Allowed between commas.
    if (!is_member(member) || ++members > kStateMembersMax) return {};
    full = full || state.size() + member.size() + 1 > kStateBytesMax;
    if (full) continue;
    if (!state.empty()) state += ',';
    state += member;
  }
  return state;
}

template <std::size_t kSize>
std::array<std::uint8_t, kSize> random_id() {
  std::array<std::uint8_t, kSize> id{};
  do {
    ssize_t got = -1;
    do {
      got = ::getrandom(id.data(), id.size(), 0);
    } while (got < 0 && errno == EINTR);
    CHECK(got == static_cast<ssize_t>(id.size()));  // Always whole, below 256 bytes.
  } while (is_zero(id));
  return id;
}

}  // namespace

std::optional<TraceContext> parse_trace_context(std::string_view traceparent,
                                                std::string_view tracestate) {
  const std::string_view text = trim(traceparent);
  if (text.size() < kTraceparentBytes) return std::nullopt;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  std::array<std::uint8_t, 1> version{};
  std::array<std::uint8_t, 1> flags{};
  TraceContext context;
  const bool is_hex =
      parse_hex(text.substr(0, 2), version) && parse_hex(text.substr(3, 32), context.trace_id) &&
      parse_hex(text.substr(36, 16), context.span_id) && parse_hex(text.substr(53, 2), flags);
  if (!is_hex || version[0] == 0xFF) return std::nullopt;
  if (is_zero(context.trace_id) || is_zero(context.span_id)) return std::nullopt;
  // Later versions may only add fields.
  const bool longer = text.size() > kTraceparentBytes;
  if (longer && (version[0] == 0 || text[kTraceparentBytes] != '-')) return std::nullopt;
  context.sampled = (flags[0] & kSampledFlag) != 0;
  context.random = (flags[0] & kRandomFlag) != 0;
  context.state = parse_state(tracestate);
  return context;
}

std::string render_traceparent(const TraceContext& context) {
  const std::array<std::uint8_t, 1> flags = {static_cast<std::uint8_t>(
      (context.sampled ? kSampledFlag : 0) | (context.random ? kRandomFlag : 0))};
  return "00-" + to_hex(context.trace_id) + "-" + to_hex(context.span_id) + "-" + to_hex(flags);
}

TraceId random_trace_id() {
  return random_id<16>();
}

SpanId random_span_id() {
  return random_id<8>();
}

}  // namespace rage::obs
