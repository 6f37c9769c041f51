#include "payload/detail/json_walk.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "base/strings.h"

namespace rage::payload::detail {
namespace {

constexpr std::size_t kKeptBytesMax = std::size_t{16} << 20;

struct ThreadParser {
  ondemand::parser parser;
  std::unique_ptr<char[]> copy;
  std::size_t copy_bytes = 0;
};

// In powers of two, so that growing bodies do not allocate each time.
std::size_t rounded_up(std::size_t bytes) {
  return std::bit_ceil(std::max(bytes, std::size_t{4096}));
}

Result<void> check_scalar(std::string_view token) {
  const char first = token.empty() ? '\0' : token.front();
  const bool known = first == 't'   ? token == "true"
                     : first == 'f' ? token == "false"
                     : first == 'n' ? token == "null"
                                    : is_json_number(token);
  if (!known) return invalid_json("it has a bad number or an unknown word");
  return {};
}

Result<void> check_object(ondemand::object object, int depth, std::string* compact) {
  RETURN_IF_ERROR(check_depth(depth));
  char separator = '{';
  for (auto item : object) {
    ondemand::field field;
    if (const auto code = std::move(item).get(field)) return invalid_json(code);
    ASSIGN_OR_RETURN(const std::string_view name, raw_name_of(field));
    if (compact != nullptr) {
      *compact += separator;
      compact->append(1, '"').append(name).append("\":");
    }
    separator = ',';
    RETURN_IF_ERROR(check_value(field.value(), depth, compact));
  }
  if (compact != nullptr) *compact += separator == '{' ? "{}" : "}";
  return {};
}

Result<void> check_array(ondemand::array array, int depth, std::string* compact) {
  char separator = '[';
  RETURN_IF_ERROR(for_each_element(array, depth, [&](ondemand::value& value) {
    if (compact != nullptr) *compact += separator;
    separator = ',';
    return check_value(value, depth, compact);
  }));
  if (compact != nullptr) *compact += separator == '[' ? "[]" : "]";
  return {};
}

Result<void> walk(ThreadParser& mine, const char* begin, std::size_t size, std::size_t allocated,
                  const OnObject& on_object) {
  ondemand::document document;
  if (const auto code = mine.parser.iterate(begin, size, allocated).get(document)) {
    return invalid_json(code);
  }
  ondemand::object object;
  if (const auto code = document.get_object().get(object)) {
    if (code != simdjson::INCORRECT_TYPE) return invalid_json(code);
    return fail(ErrorCode::kInvalidArgument, "body is not a JSON object");
  }
  RETURN_IF_ERROR(on_object(object, begin));
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return invalid_json("something follows it");
  }
  return {};
}

}  // namespace

std::unexpected<Error> invalid_json(std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "body is not valid JSON: {}", why);
}

std::unexpected<Error> invalid_json(simdjson::error_code code) {
  switch (code) {
    case simdjson::EMPTY:
      return fail(ErrorCode::kInvalidArgument, "body is empty");
    case simdjson::UTF8_ERROR:
      return invalid_json("it is not UTF-8");
    case simdjson::UNCLOSED_STRING:
      return invalid_json("a string does not end");
    case simdjson::UNESCAPED_CHARS:
      return invalid_json("a string has a control character");
    case simdjson::CAPACITY:
      return fail(ErrorCode::kResourceExhausted, "body is too long");
    case simdjson::MEMALLOC:
      return fail(ErrorCode::kResourceExhausted, "no memory for this body");
    default:
      return invalid_json("a comma, a bracket, a name or a value is missing");
  }
}

std::string_view token_of(ondemand::value& value) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() && is_json_space(token.back())) token.remove_suffix(1);
  return token;
}

Result<std::string_view> raw_string_of(ondemand::value& value) {
  std::string_view token = token_of(value);
  if (token.size() < 2 || token.front() != '"' || token.back() != '"') {
    return invalid_json("a string is missing");
  }
  token = token.substr(1, token.size() - 2);
  if (!append_unescaped(token, nullptr)) return invalid_json("it has an unknown escape");
  return token;
}

Result<std::string_view> raw_name_of(const ondemand::field& field) {
  const char* begin = field.key().raw();
  const char* end = begin;  // A quote comes for sure: the strings of a body are closed.
  bool escaped = false;
  for (; *end != '"'; ++end) {
    if (*end != '\\') continue;
    escaped = true;
    ++end;
  }
  const std::string_view name(begin, static_cast<std::size_t>(end - begin));
  if (escaped && !append_unescaped(name, nullptr)) return invalid_json("it has an unknown escape");
  return name;
}

Result<void> check_value(ondemand::value value, int depth, std::string* compact) {
  const std::string_view token = token_of(value);
  switch (token.empty() ? '\0' : token.front()) {
    case '{': {
      ondemand::object object;
      if (const auto code = value.get_object().get(object)) return invalid_json(code);
      return check_object(object, depth + 1, compact);
    }
    case '[': {
      ondemand::array array;
      if (const auto code = value.get_array().get(array)) return invalid_json(code);
      return check_array(array, depth + 1, compact);
    }
    case '"':
      RETURN_IF_ERROR(raw_string_of(value));
      break;
    default:
      RETURN_IF_ERROR(check_scalar(token));
  }
  if (compact != nullptr) *compact += token;
  return {};
}

Result<void> read_body(std::string_view body, std::size_t readable_after,
                       const OnObject& on_object) {
  if (body.empty()) return invalid_json(simdjson::EMPTY);
  thread_local ThreadParser mine;
  const std::size_t padded_bytes = body.size() + simdjson::SIMDJSON_PADDING;
  if (mine.parser.capacity() < body.size() &&
      mine.parser.allocate(rounded_up(body.size())) != simdjson::SUCCESS) {
    return fail(ErrorCode::kResourceExhausted, "body is too long");
  }
  const bool copies = readable_after < simdjson::SIMDJSON_PADDING;
  if (copies && mine.copy_bytes < padded_bytes) {
    mine.copy_bytes = rounded_up(padded_bytes);
    mine.copy = std::make_unique_for_overwrite<char[]>(mine.copy_bytes);
  }
  if (copies) {
    std::memcpy(mine.copy.get(), body.data(), body.size());
    std::memset(mine.copy.get() + body.size(), ' ', simdjson::SIMDJSON_PADDING);
  }
  const Result<void> read =
      walk(mine, copies ? mine.copy.get() : body.data(), body.size(), padded_bytes, on_object);
  if (body.size() > kKeptBytesMax) mine = ThreadParser();
  return read;
}

}  // namespace rage::payload::detail
