// HTTP messages inside the gateway, whatever the version on the wire.
#pragma once

#include <cstdint>
#include <string>

#include "gateway/detail/header_block.h"

namespace rage::gateway::detail {

// Value. `headers` holds neither Host nor framing nor hop-by-hop fields.
struct RequestHead {
  std::string method;
  std::string target;     // Path and query, as sent: "/v1/models?x=1"; or "*".
  std::string authority;  // Host and port, as sent; empty: HTTP/1.0 without a Host.
  HeaderBlock headers;
};

// Value. As above.
struct ResponseHead {
  int status = 200;
  HeaderBlock headers;
};

// How the end of a body is found.
struct Framing {
  enum class Kind : std::uint8_t { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // kLength. kNone: what a reply to HEAD announces, if length_known.
  bool length_known = false;

  static Framing of_length(std::uint64_t bytes) {
    return {.kind = Kind::kLength, .length = bytes, .length_known = true};
  }
  static Framing chunked() { return {.kind = Kind::kChunked}; }
  bool operator==(const Framing&) const = default;
};

// Why a request is not served at all: answered so, and the connection closed.
struct Refusal {
  int status = 400;
  std::string text;
  bool operator==(const Refusal&) const = default;
};

}  // namespace rage::gateway::detail
