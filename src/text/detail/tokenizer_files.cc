#include "text/detail/tokenizer_files.h"

#include <utility>

namespace rage::text::detail {

std::unexpected<Error> damaged_json(std::string_view what) {
  return fail(ErrorCode::kDataLoss, "tokenizer.json: {}", what);
}

std::unexpected<Error> unknown_json(std::string_view what) {
  return fail(ErrorCode::kUnimplemented, "tokenizer.json: {} is not supported", what);
}

const Json& member(const Json& object, const char* name) {
  static const Json kNull;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : kNull;
}

std::string text_or(const Json& value, std::string fallback) {
  return value.is_string() ? value.get<std::string>() : std::move(fallback);
}

bool flag_or(const Json& value, bool fallback) {
  return value.is_boolean() ? value.get<bool>() : fallback;
}

}  // namespace rage::text::detail
