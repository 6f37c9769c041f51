// Reading and comparing documents of others: what is absent or of another type is a fallback, never
// a crash.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "codec/json.h"

namespace rage::codec {

using Path = std::initializer_list<std::string_view>;

// Null if it is not there.
const Json* find_path(const Json& object, Path path);
// The list or map there, or an empty one.
const Json& list_at(const Json& object, Path path);
const Json& map_at(const Json& object, Path path);
std::string text_at(const Json& object, Path path, std::string_view fallback = {});
// An integer, or a quantity that is a whole one ("8").
int int_at(const Json& object, Path path, int fallback = 0);
bool flag_at(const Json& object, Path path, bool fallback = false);

// Equal whatever the order of keys.
bool same_json(const Json& left, const Json& right);

}  // namespace rage::codec
