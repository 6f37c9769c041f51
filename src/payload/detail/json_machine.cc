#include "payload/detail/json_machine.h"

#include "base/strings.h"

namespace rage::payload::detail {
namespace {

static_assert(kDepthMax <= 64, "one bit a container");

bool is_hex(char c) {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

JsonMachine::Step JsonMachine::run(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    at += skip_plain(bytes.substr(at));
    if (at == bytes.size()) break;
    const Taken taken = take(bytes[at]);
    if (taken.consumed) ++at;
    if (taken.event != Event::kMore) return {taken.event, at};
  }
  return {Event::kMore, at};
}

// The bulk of bodies, without a look at each byte: text, and whole integers in lists (token ids).
std::size_t JsonMachine::skip_plain(std::string_view bytes) const {
  if (state_ == State::kString) return plain_prefix(bytes);
  if (state_ == State::kInteger) return digit_prefix(bytes);
  if (state_ != State::kValue || in_object() || watched()) return 0;
  std::size_t whole = 0;  // After a comma.
  while (true) {
    std::size_t at = whole;
    if (at < bytes.size() && bytes[at] == ' ') ++at;
    if (at == bytes.size() || bytes[at] == '0') return whole;
    const std::size_t digits = digit_prefix(bytes.substr(at));
    at += digits;
    if (digits == 0 || at == bytes.size() || bytes[at] != ',') return whole;
    whole = at + 1;
  }
}

bool JsonMachine::finish() {
  if (depth_ == 0 && (state_ == State::kZero || state_ == State::kInteger ||
                      state_ == State::kFraction || state_ == State::kExponentDigits)) {
    end_value();
  }
  if (state_ == State::kEnd) return true;
  if (state_ != State::kFailed) fail("it ends early");
  return false;
}

JsonMachine::Taken JsonMachine::take(char c) {
  switch (state_) {
    case State::kValue:
    case State::kFirstElement:
    case State::kFirstKey:
    case State::kKey:
    case State::kColon:
    case State::kAfterValue:
    case State::kEnd:
      return take_structure(c);
    case State::kString:
    case State::kEscape:
    case State::kHex:
    case State::kUtf8:
      return take_in_string(c);
    case State::kMinus:
    case State::kZero:
    case State::kInteger:
    case State::kPoint:
    case State::kFraction:
    case State::kExponent:
    case State::kExponentSign:
    case State::kExponentDigits:
      return take_in_number(c);
    case State::kLiteral:
      if (c != *literal_) return fail("it has a word that is none of true, false and null");
      if (*++literal_ == '\0') return end_value();
      return {};
    case State::kFailed:
      break;
  }
  return {Event::kFailed, false};
}

JsonMachine::Taken JsonMachine::take_structure(char c) {
  if (is_json_space(c)) return {};
  switch (state_) {
    case State::kFirstKey:
      if (c == '}') return close(true);
      [[fallthrough]];
    case State::kKey:
      if (c != '"') return fail("a member's name is missing");
      state_ = State::kString;
      is_key_ = true;
      return {watched() ? Event::kKeyBegin : Event::kMore, true};
    case State::kColon:
      if (c != ':') return fail("a colon is missing");
      state_ = State::kValue;
      return {};
    case State::kAfterValue:
      if (c == '}' || c == ']') return close(c == '}');
      if (c != ',') return fail("a comma is missing");
      state_ = in_object() ? State::kKey : State::kValue;
      return {};
    case State::kFirstElement:
      if (c == ']') return close(false);
      return take_value(c);
    case State::kValue:
      return take_value(c);
    default:
      return fail("something follows it");
  }
}

JsonMachine::Taken JsonMachine::take_value(char c) {
  if (watched() && !announced_) {
    announced_ = true;
    return {Event::kValueBegin, false};
  }
  announced_ = false;
  const auto literal = [this](const char* rest) {
    literal_ = rest;
    state_ = State::kLiteral;
    return Taken{};
  };
  switch (c) {
    case '{':
      return open(true);
    case '[':
      return open(false);
    case '"':
      state_ = State::kString;
      is_key_ = false;
      return {};
    case 't':
      return literal("rue");
    case 'f':
      return literal("alse");
    case 'n':
      return literal("ull");
    case '-':
      state_ = State::kMinus;
      return {};
    default:
      if (!is_ascii_digit(c)) return fail("a value is missing");
      state_ = c == '0' ? State::kZero : State::kInteger;
      return {};
  }
}

JsonMachine::Taken JsonMachine::take_in_string(char c) {
  const auto byte = static_cast<unsigned char>(c);
  switch (state_) {
    case State::kEscape:
      if (c == 'u') {
        left_ = 4;
        state_ = State::kHex;
        return {};
      }
      if (std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos) {
        return fail("it has an unknown escape");
      }
      state_ = State::kString;
      return {};
    case State::kHex:
      if (!is_hex(c)) return fail("it has an unknown escape");
      if (--left_ == 0) state_ = State::kString;
      return {};
    case State::kUtf8:
      if (byte < continuation_min_ || byte > continuation_max_) return fail("it is not UTF-8");
      continuation_min_ = 0x80;
      continuation_max_ = 0xBF;
      if (--left_ == 0) state_ = State::kString;
      return {};
    default:
      if (c == '"') return end_string();
      if (byte >= 0x80) return begin_utf8(byte);
      if (byte < 0x20) return fail("a string has a control character");
      if (c == '\\') state_ = State::kEscape;
      return {};
  }
}

// Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
JsonMachine::Taken JsonMachine::begin_utf8(unsigned char byte) {
  if (byte < 0xC2 || byte > 0xF4) return fail("it is not UTF-8");
  left_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  continuation_min_ = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
  continuation_max_ = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
  state_ = State::kUtf8;
  return {};
}

JsonMachine::Taken JsonMachine::take_in_number(char c) {
  const bool digit = is_ascii_digit(c);
  const auto to = [this](State state) {
    state_ = state;
    return Taken{};
  };
  switch (state_) {
    case State::kMinus:
      return digit ? to(c == '0' ? State::kZero : State::kInteger) : fail("it has a bad number");
    case State::kPoint:
      return digit ? to(State::kFraction) : fail("it has a bad number");
    case State::kExponent:
      if (c == '+' || c == '-') return to(State::kExponentSign);
      [[fallthrough]];
    case State::kExponentSign:
      return digit ? to(State::kExponentDigits) : fail("it has a bad number");
    case State::kExponentDigits:
      if (digit) return {};
      break;
    case State::kInteger:
      if (digit) return {};
      [[fallthrough]];
    case State::kZero:
      if (c == '.') return to(State::kPoint);
      if (c == 'e' || c == 'E') return to(State::kExponent);
      break;
    default:  // kFraction
      if (digit) return {};
      if (c == 'e' || c == 'E') return to(State::kExponent);
  }
  // Only what follows shows that a number has ended: it is looked at again.
  return {end_value().event, false};
}

JsonMachine::Taken JsonMachine::open(bool object) {
  if (depth_ == kDepthMax) return fail("it nests more than 64 levels");
  ++depth_;
  objects_ = objects_ << 1 | (object ? 1 : 0);
  state_ = object ? State::kFirstKey : State::kFirstElement;
  return {};
}

JsonMachine::Taken JsonMachine::close(bool object) {
  if (object != in_object()) return fail("a bracket closes what it did not open");
  --depth_;
  objects_ >>= 1;
  return end_value();
}

JsonMachine::Taken JsonMachine::end_string() {
  if (!is_key_) return end_value();
  state_ = State::kColon;
  return {watched() ? Event::kKeyEnd : Event::kMore, true};
}

JsonMachine::Taken JsonMachine::end_value() {
  state_ = depth_ == 0 ? State::kEnd : State::kAfterValue;
  return {watched() ? Event::kValueEnd : Event::kMore, true};
}

JsonMachine::Taken JsonMachine::fail(std::string_view why) {
  state_ = State::kFailed;
  failure_ = why;
  return {Event::kFailed, false};
}

}  // namespace rage::payload::detail
