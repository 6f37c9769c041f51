#include "codec/json.h"

#include <map>
#include <utility>
#include <vector>

namespace rage::codec {
namespace {

// Builds the tree, and refuses what is too deep while it is read.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  TreeBuilder(Json& root, std::size_t depth_max) : root_(root), depth_max_(depth_max) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // JSON has none.
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool key(string_t& key) override {
    slot_ = &value_of(open_.back(), key);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // nlohmann counts the characters read, so the offender is one before.
    failure_ =
        JsonSyntaxError{.offset = position > 0 ? position - 1 : 0, .text = reason(error.what())};
    return false;
  }
  const JsonSyntaxError& failure() const { return failure_; }

 private:
  struct Open {
    Json* value = nullptr;
    std::map<std::string, std::size_t> places = {};  // Of its keys, once they are many.
  };
  static constexpr std::size_t kFewKeys = 32;

  // A Json object looks its keys up one by one: with a few megabytes of them it would take hours.
  // Of a key that comes twice the last value counts.
  static Json& value_of(Open& open, const std::string& key) {
    auto& object = open.value->get_ref<Json::object_t&>();
    if (object.size() < kFewKeys) return object[key];
    if (open.places.empty()) {
      for (const auto& entry : object) open.places.emplace(entry.first, open.places.size());
    }
    const auto [place, is_new] = open.places.emplace(key, object.size());
    if (is_new) object.emplace_back(key, Json());
    return object.begin()[static_cast<std::ptrdiff_t>(place->second)].second;
  }

  bool put(Json value) {
    add(std::move(value));
    return true;
  }
  Json& add(Json value) {
    if (open_.empty()) return root_ = std::move(value);
    Json& around = *open_.back().value;
    if (!around.is_array()) return *slot_ = std::move(value);
    around.push_back(std::move(value));
    return around.back();
  }
  bool open(Json empty) {
    if (open_.size() == depth_max_) {
      failure_.text = fmt::format("nested deeper than {} levels", depth_max_);
      return false;
    }
    open_.push_back({.value = &add(std::move(empty))});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ..." ->
  // its end.
  static std::string reason(std::string text) {
    const std::size_t at = text.find(": ");
    return at == std::string::npos ? text : text.substr(at + 2);
  }

  Json& root_;
  const std::size_t depth_max_;
  std::vector<Open> open_;  // The value that is read, and those around it.
  Json* slot_ = nullptr;    // What the last key names.
  JsonSyntaxError failure_{.offset = 0, .text = "not a JSON value"};
};

}  // namespace

Result<Json> parse_json(std::string_view text, const JsonLimits& limits, JsonSyntaxError* syntax) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::kResourceExhausted, "JSON text is larger than {} bytes",
                limits.bytes_max);
  }
  Json root;
  TreeBuilder handler(root, limits.depth_max);
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
