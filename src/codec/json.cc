#include "codec/json.h"

#include <vector>

namespace rage::codec {
namespace {

// Builds the tree through nlohmann's own handler, but refuses what is too deep while it is read.
class DepthLimiter final : public nlohmann::json_sax<Json> {
 public:
  DepthLimiter(Json& root, std::size_t depth_max) : builder_(root, false), depth_max_(depth_max) {}

  bool null() override { return builder_.null(); }
  bool boolean(bool value) override { return builder_.boolean(value); }
  bool number_integer(number_integer_t value) override { return builder_.number_integer(value); }
  bool number_unsigned(number_unsigned_t value) override { return builder_.number_unsigned(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    return builder_.number_float(value, text);
  }
  bool string(string_t& value) override { return builder_.string(value); }
  bool binary(binary_t& value) override { return builder_.binary(value); }
  bool start_object(std::size_t size) override { return enter() && builder_.start_object(size); }
  bool key(string_t& value) override { return builder_.key(value); }
  bool end_object() override { return leave() && builder_.end_object(); }
  bool start_array(std::size_t size) override { return enter() && builder_.start_array(size); }
  bool end_array() override { return leave() && builder_.end_array(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // nlohmann counts the characters read, so the offender is one before.
    failure_ =
        JsonSyntaxError{.offset = position > 0 ? position - 1 : 0, .text = reason(error.what())};
    return false;
  }
  const JsonSyntaxError& failure() const { return failure_; }

 private:
  bool enter() {
    if (++depth_ <= depth_max_) return true;
    failure_.text = fmt::format("nested deeper than {} levels", depth_max_);
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }
  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ..." ->
  // its end.
  static std::string reason(std::string text) {
    const std::size_t at = text.find(": ");
    return at == std::string::npos ? text : text.substr(at + 2);
  }

  nlohmann::detail::json_sax_dom_parser<Json> builder_;
  const std::size_t depth_max_;
  std::size_t depth_ = 0;
  JsonSyntaxError failure_{.offset = 0, .text = "not a JSON value"};
};

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits, JsonSyntaxError* syntax) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::kResourceExhausted, "JSON text is larger than {} bytes",
                limits.bytes_max);
  }
  Json root;
  DepthLimiter handler(root, limits.depth_max);
  try {
    if (Json::sax_parse(text.begin(), text.end(), &handler)) return root;
  } catch (const std::exception& error) {  // Out-of-range numbers; nothing else throws here.
    if (syntax != nullptr) *syntax = {.offset = 0, .text = error.what()};
    return fail(ErrorCode::kInvalidArgument, "not valid JSON: {}", error.what());
  }
  if (syntax != nullptr) *syntax = handler.failure();
  return fail(ErrorCode::kInvalidArgument, "not valid JSON at byte {}: {}",
              handler.failure().offset, handler.failure().text);
}

std::string render_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string render_json_pretty(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

const Json* find_key(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(std::string(key));
  return found == object.end() ? nullptr : &*found;
}

std::string string_or(const Json& object, std::string_view key, std::string_view fallback) {
  const Json* value = find_key(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string(fallback);
}

double number_or(const Json& object, std::string_view key, double fallback) {
  const Json* value = find_key(object, key);
  return value != nullptr && value->is_number() ? value->get<double>() : fallback;
}

}  // namespace rage::codec
