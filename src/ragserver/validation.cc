#include "ragserver/validation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/strings.h"
#include "text/unicode.h"

namespace rage::ragserver {
namespace {

using codec::Json;

Json extend(const Json& loc, Json part) {
  Json out = loc;
  out.push_back(std::move(part));
  return out;
}

bool is_json_content_type(std::string_view content_type) {
  if (content_type.empty()) return true;
  const std::string type = to_lower_ascii(trim(content_type.substr(0, content_type.find(';'))));
  return type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

// Whole text, optional sign; pydantic also takes "2.0".
std::optional<std::int64_t> integer_of_text(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  if (dot != std::string_view::npos) {
    if (text.find_first_not_of('0', dot + 1) != std::string_view::npos) return std::nullopt;
    text = text.substr(0, dot);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range && end == text.data() + text.size()) {
    return text.starts_with('-') ? std::numeric_limits<std::int64_t>::min()
                                 : std::numeric_limits<std::int64_t>::max();
  }
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> check_bounds(std::int64_t value, IntegerBounds bounds, const Json& loc,
                                         const Json& input, ValidationErrors& errors) {
  if (value < bounds.min) {
    errors.add("greater_than_equal", loc,
               fmt::format("Input should be greater than or equal to {}", bounds.min), input,
               {{"ge", bounds.min}});
    return std::nullopt;
  }
  if (value > bounds.max) {
    errors.add("less_than_equal", loc,
               fmt::format("Input should be less than or equal to {}", bounds.max), input,
               {{"le", bounds.max}});
    return std::nullopt;
  }
  return value;
}

std::optional<bool> bool_of_text(std::string_view text) {
  const std::string word = to_lower_ascii(text);
  for (const std::string_view yes : {"true", "1", "yes", "on", "t", "y"}) {
    if (word == yes) return true;
  }
  for (const std::string_view no : {"false", "0", "no", "off", "f", "n"}) {
    if (word == no) return false;
  }
  return std::nullopt;
}

constexpr std::string_view kBoolParsing =
    "Input should be a valid boolean, unable to interpret input";
constexpr std::string_view kIntParsing =
    "Input should be a valid integer, unable to parse string as an integer";

}  // namespace

void ValidationErrors::add(std::string_view type, Json loc, std::string_view message, Json input,
                           Json ctx) {
  Json detail = {
      {"type", type}, {"loc", std::move(loc)}, {"msg", message}, {"input", std::move(input)}};
  if (!ctx.is_null()) detail["ctx"] = std::move(ctx);
  details_.push_back(std::move(detail));
}

net::HttpResponse ValidationErrors::response() const {
  return net::HttpResponse::json(422, codec::render_json({{"detail", details_}}));
}

Json location(std::initializer_list<Json> parts) {
  Json out = Json::array();
  for (const Json& part : parts) out.push_back(part);
  return out;
}

std::optional<Json> read_json_object(const net::HttpRequest& request, ValidationErrors& errors,
                                     BodyKind kind) {
  const auto add_no_object = [&](Json input) {
    if (kind == BodyKind::kDictionary) {
      errors.add("dict_type", location({"body"}), "Input should be a valid dictionary",
                 std::move(input));
    } else {
      errors.add("model_attributes_type", location({"body"}),
                 "Input should be a valid dictionary or object to extract fields from",
                 std::move(input));
    }
  };
  if (request.body.empty()) {
    errors.add("missing", location({"body"}), "Field required", nullptr);
    return std::nullopt;
  }
  if (!is_json_content_type(request.headers.find("content-type"))) {
    add_no_object(text::to_valid_utf8(request.body));
    return std::nullopt;
  }
  codec::JsonSyntaxError syntax;
  auto body = codec::parse_json(request.body, {}, &syntax);
  if (!body) {
    const std::string before = text::to_valid_utf8(
        std::string_view(request.body).substr(0, std::min(syntax.offset, request.body.size())));
    errors.add("json_invalid", location({"body", text::count_code_points(before)}),
               "JSON decode error", Json::object(), {{"error", text::to_valid_utf8(syntax.text)}});
    return std::nullopt;
  }
  if (!body->is_object()) {
    add_no_object(*body);
    return std::nullopt;
  }
  return *std::move(body);
}

std::optional<std::string> read_string(const Json& object, const Json& loc, std::string_view key,
                                       ValidationErrors& errors) {
  const Json* value = codec::find_key(object, key);
  if (value == nullptr) {
    errors.add("missing", extend(loc, key), "Field required", object);
    return std::nullopt;
  }
  if (!value->is_string()) {
    errors.add("string_type", extend(loc, key), "Input should be a valid string", *value);
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::optional<std::string> read_optional_string(const Json& object, const Json& loc,
                                                std::string_view key, std::string_view fallback,
                                                ValidationErrors& errors) {
  if (codec::find_key(object, key) == nullptr) return std::string(fallback);
  return read_string(object, loc, key, errors);
}

std::optional<std::int64_t> read_integer(const Json& object, const Json& loc, std::string_view key,
                                         std::int64_t fallback, IntegerBounds bounds,
                                         ValidationErrors& errors) {
  const Json* value = codec::find_key(object, key);
  if (value == nullptr) return fallback;
  const Json at = extend(loc, key);
  if (value->is_number_unsigned() &&
      value->get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
    return check_bounds(std::numeric_limits<std::int64_t>::max(), bounds, at, *value, errors);
  }
  if (value->is_number_integer()) {
    return check_bounds(value->get<std::int64_t>(), bounds, at, *value, errors);
  }
  if (value->is_number_float()) {
    const double number = value->get<double>();
    if (number != std::floor(number) || std::fabs(number) > 9e15) {
      errors.add("int_from_float", at,
                 "Input should be a valid integer, got a number with a fractional part", *value);
      return std::nullopt;
    }
    return check_bounds(static_cast<std::int64_t>(number), bounds, at, *value, errors);
  }
  if (value->is_boolean()) {
    return check_bounds(value->get<bool>() ? 1 : 0, bounds, at, *value, errors);
  }
  if (value->is_string()) {
    const auto number = integer_of_text(value->get_ref<const std::string&>());
    if (number) return check_bounds(*number, bounds, at, *value, errors);
    errors.add("int_parsing", at, kIntParsing, *value);
    return std::nullopt;
  }
  errors.add("int_type", at, "Input should be a valid integer", *value);
  return std::nullopt;
}

std::optional<bool> read_bool(const Json& object, const Json& loc, std::string_view key,
                              bool fallback, ValidationErrors& errors) {
  const Json* value = codec::find_key(object, key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  const Json at = extend(loc, key);
  if (value->is_string()) {
    const auto word = bool_of_text(value->get_ref<const std::string&>());
    if (!word) errors.add("bool_parsing", at, kBoolParsing, *value);
    return word;
  }
  if (value->is_number()) {
    const double number = value->get<double>();
    if (number == 0 || number == 1) return number == 1;
    errors.add("bool_parsing", at, kBoolParsing, *value);
    return std::nullopt;
  }
  errors.add("bool_type", at, "Input should be a valid boolean", *value);
  return std::nullopt;
}

std::optional<Json> read_object(const Json& object, const Json& loc, std::string_view key,
                                Json fallback, ValidationErrors& errors) {
  const Json* value = codec::find_key(object, key);
  if (value == nullptr) return fallback;
  if (value->is_object() || value->is_null()) return *value;
  errors.add("dict_type", extend(loc, key), "Input should be a valid dictionary", *value);
  return std::nullopt;
}

const Json* read_array(const Json& object, const Json& loc, std::string_view key,
                       ValidationErrors& errors) {
  const Json* value = codec::find_key(object, key);
  if (value == nullptr) {
    errors.add("missing", extend(loc, key), "Field required", object);
    return nullptr;
  }
  if (!value->is_array()) {
    errors.add("list_type", extend(loc, key), "Input should be a valid list", *value);
    return nullptr;
  }
  return value;
}

std::optional<std::int64_t> read_query_integer(const codec::QueryParameters& query,
                                               std::string_view key, std::int64_t fallback,
                                               IntegerBounds bounds, ValidationErrors& errors) {
  const auto text = codec::find_parameter(query, key);
  if (!text) return fallback;
  const Json at = location({"query", key});
  const Json input = text::to_valid_utf8(*text);
  const auto number = integer_of_text(*text);
  if (number) return check_bounds(*number, bounds, at, input, errors);
  errors.add("int_parsing", at, kIntParsing, input);
  return std::nullopt;
}

std::optional<bool> read_query_bool(const codec::QueryParameters& query, std::string_view key,
                                    bool fallback, ValidationErrors& errors) {
  const auto text = codec::find_parameter(query, key);
  if (!text) return fallback;
  const auto word = bool_of_text(*text);
  if (!word) {
    errors.add("bool_parsing", location({"query", key}), kBoolParsing, text::to_valid_utf8(*text));
  }
  return word;
}

}  // namespace rage::ragserver
