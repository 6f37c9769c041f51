// What callers put into paths that we pass on.
#pragma once

#include <string_view>

#include "codec/uri.h"

namespace rage::assistant::detail {

// One segment that stays one wherever it is decoded: "." and ".." would lead elsewhere.
inline bool is_segment(std::string_view part) {
  if (part.empty() || part.find('/') != std::string_view::npos) return false;
  const auto decoded = codec::percent_decode(part);
  return decoded && *decoded != "." && *decoded != "..";
}

}  // namespace rage::assistant::detail
