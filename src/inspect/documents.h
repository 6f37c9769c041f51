// Reading documents of the API server: absent or of another type is nothing, never a crash.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/meta.h"
#include "codec/documents.h"

namespace rage::inspect {

using apis::ObjectKey;
using apis::ObjectMeta;
using apis::ResourceType;
using codec::find_path;
using codec::flag_at;
using codec::int_at;
using codec::Json;
using codec::list_at;
using codec::map_at;
using codec::Path;
using codec::text_at;

// A map of strings, as labels are.
apis::StringMap strings_at(const Json& object, Path path);

std::string kind_of(const Json& object);
// "Workspace default/phi", "Node gpu-0".
std::string display_name(const Json& object);
// "workspace/phi", as it is typed.
std::string argument_of(const Json& object);

// One of status.conditions, or null; its status is "True".
const Json* find_condition(const Json& object, std::string_view type);
bool is_condition_true(const Json& object, std::string_view type);

// What says that an object of one of our kinds works; empty for other kinds.
std::string_view ready_condition(std::string_view kind);
// By that condition; none for kinds without.
std::optional<bool> is_ready(const Json& object);

}  // namespace rage::inspect
