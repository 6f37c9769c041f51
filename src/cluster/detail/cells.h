// Cells of built-in kinds, beside Name and Age.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "codec/json.h"

namespace rage::cluster::detail {

using codec::Json;

// Null: this kind has no such column.
Json cell_of(std::string_view kind, std::string_view column, const Json& object, WallTime now);

Json pod_cell(std::string_view column, const Json& pod, WallTime now);

// "a.b.c"; null if it is not there.
const Json* field_at(const Json& object, std::string_view path);
std::string text_at(const Json& object, std::string_view path, std::string_view fallback = "");
std::int64_t number_at(const Json& object, std::string_view path);

}  // namespace rage::cluster::detail
