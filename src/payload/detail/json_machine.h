// A JSON parser that can stop at any byte and go on with the next chunk. It keeps no text: it says
// where names and values begin and end, and whoever drives it keeps what it wants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "payload/detail/json_text.h"

namespace rage::payload::detail {

// Value. One thread. Some 60 bytes whatever it reads. Strict as RFC 8259; UTF-8 is checked.
class JsonMachine {
 public:
  enum class Event {
    kMore,        // All bytes are read.
    kKeyBegin,    // After the opening quote of a member's name.
    kKeyEnd,      // After its closing quote.
    kValueBegin,  // Before the first byte of a value; it is there to be looked at.
    kValueEnd,    // After the last byte of a value.
    kFailed,      // The next byte cannot stand here; see failure(). Final.
  };
  struct Step {
    Event event = Event::kMore;
    std::size_t consumed = 0;
  };

  // Reads until something happens in a container that is watched.
  Step run(std::string_view bytes);
  // Events come from values and names inside at most this many containers. At first 0: only the
  // outermost value.
  void watch(int depth) { watch_ = depth; }
  // How many containers are open around the value that begins or has ended.
  int depth() const { return depth_; }
  // No more bytes: was that one whole value?
  bool finish();
  // A sentence without a stop.
  std::string_view failure() const { return failure_; }

 private:
  enum class State : std::uint8_t {
    kValue,
    kFirstElement,  // A value, or the end of an empty array.
    kFirstKey,      // A name, or the end of an empty object.
    kKey,
    kColon,
    kAfterValue,  // In a container.
    kString,
    kEscape,
    kHex,
    kUtf8,
    kMinus,
    kZero,
    kInteger,
    kPoint,
    kFraction,
    kExponent,
    kExponentSign,
    kExponentDigits,
    kLiteral,
    kEnd,
    kFailed,
  };
  struct Taken {
    Event event = Event::kMore;
    bool consumed = true;
  };

  std::size_t skip_plain(std::string_view bytes) const;
  Taken take(char c);
  Taken take_structure(char c);
  Taken take_value(char c);
  Taken take_in_string(char c);
  Taken take_in_number(char c);
  Taken begin_utf8(unsigned char byte);
  Taken open(bool object);
  Taken close(bool object);
  Taken end_string();
  Taken end_value();
  Taken fail(std::string_view why);
  bool in_object() const { return (objects_ & 1) != 0; }
  bool watched() const { return depth_ <= watch_; }

  State state_ = State::kValue;
  bool announced_ = false;
  bool is_key_ = false;
  std::uint8_t left_ = 0;  // Hex digits or continuation bytes to come.
  std::uint8_t continuation_min_ = 0x80;
  std::uint8_t continuation_max_ = 0xBF;
  int depth_ = 0;
  int watch_ = 0;
  std::uint64_t objects_ = 0;  // A bit a container, the innermost lowest: 1 for an object.
  const char* literal_ = nullptr;
  std::string_view failure_;
};

}  // namespace rage::payload::detail
