#include "catalog/detail/config_reader.h"

#include <cmath>

namespace rage::catalog {
namespace {

// The length of NaN, Infinity or -Infinity at the start of `text`; 0 if it is none.
std::size_t non_finite_length(std::string_view text) {
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
    if (text.starts_with(word)) return word.size();
  }
  return 0;
}

// Outside of strings; JSON has no such numbers, Python's json module writes them all the same.
std::string without_non_finite(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      clean += c;
      if (c == '\\' && i + 1 < text.size()) clean += text[++i];
      if (c == '"') in_string = false;
      continue;
    }
    if (const std::size_t length = non_finite_length(text.substr(i)); length > 0) {
      clean += "null";
      i += length - 1;
      continue;
    }
    in_string = c == '"';
    clean += c;
  }
  return clean;
}

}  // namespace

Result<Json> parse_model_config(std::string_view text) {
  constexpr std::size_t kConfigBytesMax = std::size_t{8} << 20;
  if (text.size() > kConfigBytesMax) {
    return fail(ErrorCode::kResourceExhausted, "the model's configuration has more than {} bytes",
                kConfigBytesMax);
  }
  ASSIGN_OR_RETURN(Json config, codec::parse_json(without_non_finite(text)));
  if (!config.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "the model's configuration is not a JSON object");
  }
  return config;
}

namespace detail {

const Json* find_setting(const Json& config, std::string_view key) {
  for (const std::string_view nested : {"text_config", "llm_config"}) {
    if (const Json* part = codec::find_key(config, nested)) {
      const Json* value = codec::find_key(*part, key);
      if (value != nullptr && !value->is_null()) return value;
    }
  }
  const Json* value = codec::find_key(config, key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

int integer_or(const Json& config, std::initializer_list<std::string_view> keys, int most,
               int fallback) {
  for (const std::string_view key : keys) {
    const Json* value = find_setting(config, key);
    if (value == nullptr || !value->is_number()) continue;
    const double number = value->get<double>();
    if (number >= 1 && number <= most && std::floor(number) == number) {
      return static_cast<int>(number);
    }
  }
  return fallback;
}

}  // namespace detail
}  // namespace rage::catalog
