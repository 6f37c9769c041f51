// Redis' wire protocol, RESP version 2 (https://redis.io/docs/reference/protocol-spec). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::assistant {

// Value.
struct RespValue {
  enum class Kind { kNull, kText, kError, kInteger, kArray };
  Kind kind = Kind::kNull;
  std::string text;  // Of a simple or bulk string, and of an error.
  std::int64_t integer = 0;
  std::vector<RespValue> items;

  bool is_error() const { return kind == Kind::kError; }
  bool operator==(const RespValue&) const = default;
};

struct RespLimits {
  std::size_t bytes_max = std::size_t{64} << 20;  // Of one reply.
  std::size_t items_max = 1'000'000;              // Of all its arrays together.
  std::size_t depth_max = 8;
};

// "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
std::string render_command(std::span<const std::string> words);

// How many bytes the reply at the start of `bytes` takes; 0: more have to come. Allocates nothing.
// kDataLoss: not RESP. kResourceExhausted: past a limit, as soon as a length says so.
Result<std::size_t> measure_reply(std::string_view bytes, const RespLimits& limits = {});

// One whole reply and nothing after it; kDataLoss otherwise.
Result<RespValue> parse_reply(std::string_view bytes, const RespLimits& limits = {});

}  // namespace rage::assistant
