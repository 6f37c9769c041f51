// Reading documents of the API server: absent or of another type is a fallback, never a crash.
#pragma once

#include <cmath>
#include <cstdint>

#include "codec/documents.h"

namespace rage::workloads::detail {

using codec::Json;
using codec::Path;

using codec::find_path;
using codec::flag_at;
using codec::list_at;
using codec::map_at;
using codec::same_json;
using codec::text_at;

// Numbers outside of +-2^53 are no counts of anything here.
inline std::int64_t number_at(const Json& object, Path path, std::int64_t fallback = 0) {
  const Json* found = find_path(object, path);
  if (found == nullptr || !found->is_number()) return fallback;
  const double value = found->get<double>();
  return std::abs(value) < 0x1p53 ? static_cast<std::int64_t>(value) : fallback;
}

}  // namespace rage::workloads::detail
