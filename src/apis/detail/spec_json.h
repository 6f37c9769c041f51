// Rendering of parts, keys in the order of upstream's Go structs: the revision hash depends on it.
#pragma once

#include "apis/workspace.h"

namespace rage::apis::detail {

// Go's omitempty.
void put_if_any(Json& object, const char* key, const std::string& value);
void put_if_any(Json& object, const char* key, const std::vector<std::string>& values);
void put_if_any(Json& object, const char* key, const StringMap& map);

Json render_partition(const Partition& partition);
Json render_tuning_spec(const TuningSpec& tuning);

}  // namespace rage::apis::detail
