// Bytes [begin, end) of a body.
#pragma once

#include <cstddef>

namespace rage::payload {

// Value.
struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const ByteRange&) const = default;
};

}  // namespace rage::payload
