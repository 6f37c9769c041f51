#include "assistant/resp.h"

#include <charconv>
#include <optional>

namespace rage::assistant {
namespace {

using Kind = RespValue::Kind;

// One pass over one reply; with a place to put the value it builds it, without it only counts.
class Reader final {
 public:
  Reader(std::string_view bytes, const RespLimits& limits) : bytes_(bytes), limits_(limits) {}

  // False: the bytes end first.
  Result<bool> read(RespValue* out, std::size_t depth) {
    if (depth > limits_.depth_max) return too_much();
    if (at_ >= bytes_.size()) return false;
    const char type = bytes_[at_];
    ASSIGN_OR_RETURN(const auto line, take_line());
    if (!line) return false;
    switch (type) {
      case '+':
      case '-':
        if (out != nullptr) {
          out->kind = type == '+' ? Kind::kText : Kind::kError;
          out->text = *line;
        }
        return true;
      case ':':
        return read_integer(*line, out);
      case '$':
        return read_bulk(*line, out);
      case '*':
        return read_array(*line, out, depth);
      default:
        return fail(ErrorCode::kDataLoss, "a reply that is not Redis' protocol");
    }
  }
  std::size_t position() const { return at_; }

 private:
  static std::unexpected<Error> too_much() {
    return fail(ErrorCode::kResourceExhausted, "a reply of Redis is too large");
  }

  // Without its type and its end. None: not there yet.
  Result<std::optional<std::string_view>> take_line() {
    const std::size_t end = bytes_.find("\r\n", at_);
    if (end == std::string_view::npos) {
      if (bytes_.size() - at_ > limits_.bytes_max) return too_much();
      return std::optional<std::string_view>();
    }
    const std::string_view line = bytes_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 2;
    return std::optional(line);
  }

  static Result<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
      return fail(ErrorCode::kDataLoss, "a reply of Redis has a bad number");
    }
    return value;
  }

  static Result<bool> read_integer(std::string_view line, RespValue* out) {
    ASSIGN_OR_RETURN(const std::int64_t value, number(line));
    if (out != nullptr) {
      out->kind = Kind::kInteger;
      out->integer = value;
    }
    return true;
  }

  Result<bool> read_bulk(std::string_view line, RespValue* out) {
    ASSIGN_OR_RETURN(const std::int64_t length, number(line));
    if (length == -1) return true;  // Null.
    if (length < 0) return fail(ErrorCode::kDataLoss, "a reply of Redis has a bad length");
    const auto size = static_cast<std::uint64_t>(length);
    if (size > limits_.bytes_max || at_ + size > limits_.bytes_max) return too_much();
    if (bytes_.size() < at_ + size + 2) return false;
    if (bytes_.substr(at_ + size, 2) != "\r\n") {
      return fail(ErrorCode::kDataLoss, "a string of Redis is longer than it says");
    }
    if (out != nullptr) {
      out->kind = Kind::kText;
      out->text = bytes_.substr(at_, size);
    }
    at_ += size + 2;
    return true;
  }

  Result<bool> read_array(std::string_view line, RespValue* out, std::size_t depth) {
    ASSIGN_OR_RETURN(const std::int64_t length, number(line));
    if (length == -1) return true;
    if (length < 0) return fail(ErrorCode::kDataLoss, "a reply of Redis has a bad length");
    items_ += static_cast<std::uint64_t>(length);
    if (items_ > limits_.items_max) return too_much();
    if (out != nullptr) out->kind = Kind::kArray;
    for (std::int64_t i = 0; i < length; ++i) {
      RespValue* item = out == nullptr ? nullptr : &out->items.emplace_back();
      ASSIGN_OR_RETURN(const bool whole, read(item, depth + 1));
      if (!whole) return false;
    }
    return true;
  }

  const std::string_view bytes_;
  const RespLimits& limits_;
  std::size_t at_ = 0;
  std::uint64_t items_ = 0;
};

}  // namespace

std::string render_command(std::span<const std::string> words) {
  std::string bytes = fmt::format("*{}\r\n", words.size());
  for (const std::string& word : words) {
    bytes += fmt::format("${}\r\n", word.size());
    bytes += word;
    bytes += "\r\n";
  }
  return bytes;
}

Result<std::size_t> measure_reply(std::string_view bytes, const RespLimits& limits) {
  Reader reader(bytes, limits);
  ASSIGN_OR_RETURN(const bool whole, reader.read(nullptr, 0));
  return whole ? reader.position() : 0;
}

Result<RespValue> parse_reply(std::string_view bytes, const RespLimits& limits) {
  Reader reader(bytes, limits);
  RespValue value;
  ASSIGN_OR_RETURN(const bool whole, reader.read(&value, 0));
  if (!whole || reader.position() != bytes.size()) {
    return fail(ErrorCode::kDataLoss, "not one whole reply of Redis");
  }
  return value;
}

}  // namespace rage::assistant
