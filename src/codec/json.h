// JSON for the whole product: nlohmann's tree, with limits at the entrance and no exceptions out.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::codec {

// Keeps the order of keys: hashes of metadata depend on it (KAITO's document hash).
using Json = nlohmann::ordered_json;

struct JsonLimits {
  std::size_t bytes_max = std::size_t{64} << 20;
  std::size_t depth_max = 64;  // Rendering and destruction recurse.
};

struct JsonSyntaxError {
  std::size_t offset = 0;  // Byte offset of the offending character.
  std::string text;        // Short English reason.
};

// One JSON value and nothing after it; NaN and Infinity are refused (RFC 8259); text must be UTF-8.
// kInvalidArgument on bad input; `syntax`, if given, then says where and why.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {},
                        JsonSyntaxError* syntax = nullptr);

// Compact. Bytes that are not UTF-8 become U+FFFD; never fails.
std::string render_json(const Json& value);
std::string render_json_pretty(const Json& value);

// Typed access that never throws: absent or of another type gives the fallback.
std::string string_or(const Json& object, std::string_view key, std::string_view fallback);
double number_or(const Json& object, std::string_view key, double fallback);
// Null if `object` is no object or lacks the key.
const Json* find_key(const Json& object, std::string_view key);

}  // namespace rage::codec
