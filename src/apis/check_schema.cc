// What the API server does with a structural schema on the way in: prune, fill in defaults, check.
// CEL rules are not run here; validation.h has our own form of them.
#include <algorithm>
#include <cmath>
#include <map>
#include <regex>

#include "apis/crds.h"
#include "apis/schema.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace rage::apis {
namespace {

constexpr std::size_t kErrorsMax = 20;
constexpr const char* kDateTime =  // RFC 3339.
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{"
    "2})$";

bool flag(const Json& schema, std::string_view keyword) {
  const Json* value = codec::find_key(schema, keyword);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

bool is_nullable(const Json& schema) {
  return flag(schema, "nullable");
}

// Walks one document along its schema. The schema is ours, the document is anybody's.
class Checker final {
 public:
  void check_document(const Json& schema, Json& document) {
    // Typed metadata is the API server's own; it is neither pruned nor checked here.
    check(schema, document, "");
  }
  std::vector<std::string> errors;

 private:
  void refuse(std::string_view path, std::string_view what) {
    if (errors.size() < kErrorsMax) {
      errors.push_back(fmt::format("{}: {}", path.empty() ? "<root>" : path, what));
    }
  }
  void refuse_value(std::string_view path, const Json& value, std::string_view why) {
    refuse(path, fmt::format("Invalid value: {}: {}", codec::render_json(value), why));
  }

  static std::string join_path(std::string_view path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }

  void check(const Json& schema, Json& value, const std::string& path) {
    const std::string type = codec::string_or(schema, "type", "");
    if (value.is_null() && is_nullable(schema)) return;
    if (!has_type(schema, type, value)) {
      const std::string_view wanted = type.empty() ? "integer or string" : std::string_view(type);
      refuse(path,
             fmt::format("Invalid value: \"{}\": must be of type {}", value.type_name(), wanted));
      return;
    }
    check_enum(schema, value, path);
    if (value.is_object()) check_object(schema, value, path);
    if (value.is_array()) check_list(schema, value, path);
    if (value.is_string()) check_text(schema, value, path);
    if (value.is_number()) check_number(schema, value, path);
  }

  static bool has_type(const Json& schema, std::string_view type, const Json& value) {
    if (flag(schema, "x-kubernetes-int-or-string")) {
      return value.is_number_integer() || value.is_string();
    }
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type != "integer") return value.is_number();
    // JSON knows no integers: 2.0 is one.
    return value.is_number_integer() ||
           (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
  }

  void check_enum(const Json& schema, const Json& value, const std::string& path) {
    const Json* allowed = codec::find_key(schema, "enum");
    if (allowed == nullptr || std::ranges::count(*allowed, value) > 0) return;
    std::vector<std::string> values;
    for (const Json& one : *allowed) values.push_back(codec::render_json(one));
    refuse(path, fmt::format("Unsupported value: {}: supported values: {}",
                             codec::render_json(value), join(values, ", ")));
  }

  void check_object(const Json& schema, Json& value, const std::string& path) {
    const Json* properties = codec::find_key(schema, "properties");
    const Json* additional = codec::find_key(schema, "additionalProperties");
    if (additional == nullptr) prepare_fields(schema, properties, value);
    if (additional != nullptr && !is_nullable(*additional)) drop_nulls(value);
    check_required(schema, value, path);
    check_size(schema, "Properties", value.size(), value, path);
    for (auto& [key, item] : value.items()) {
      const Json* field = properties == nullptr ? nullptr : codec::find_key(*properties, key);
      if (path.empty() && key == "metadata") continue;
      if (field == nullptr) field = additional;
      if (field != nullptr) check(*field, item, join_path(path, key));
    }
  }

  // Of a map: the API server takes a null there for an absent value, too.
  static void drop_nulls(Json& map) {
    Json kept = Json::object();
    for (auto& [key, item] : map.items()) {
      if (!item.is_null()) kept[key] = std::move(item);
    }
    map = std::move(kept);
  }

  // Prunes what the schema does not know, drops nulls, fills in defaults.
  static void prepare_fields(const Json& schema, const Json* properties, Json& value) {
    const bool keep_unknown = flag(schema, "x-kubernetes-preserve-unknown-fields");
    Json kept = Json::object();
    for (auto& [key, item] : value.items()) {
      const Json* field = properties == nullptr ? nullptr : codec::find_key(*properties, key);
      if (field == nullptr && !keep_unknown) continue;
      if (field != nullptr && item.is_null() && !is_nullable(*field)) continue;
      kept[key] = std::move(item);
    }
    value = std::move(kept);
    if (properties == nullptr) return;
    for (const auto& [key, field] : properties->items()) {
      const Json* standard = codec::find_key(field, "default");
      if (standard != nullptr && !value.contains(key)) value[key] = *standard;
    }
  }

  void check_required(const Json& schema, const Json& value, const std::string& path) {
    const Json* required = codec::find_key(schema, "required");
    if (required == nullptr) return;
    for (const Json& name : *required) {
      const std::string key = name.get<std::string>();
      if (!value.contains(key)) refuse(join_path(path, key), "Required value");
    }
  }

  void check_list(const Json& schema, Json& value, const std::string& path) {
    check_size(schema, "Items", value.size(), value, path);
    const Json* items = codec::find_key(schema, "items");
    for (std::size_t i = 0; items != nullptr && i < value.size(); ++i) {
      check(*items, value[i], fmt::format("{}[{}]", path, i));
    }
  }

  void check_size(const Json& schema, std::string_view unit, std::size_t size, const Json& value,
                  const std::string& path) {
    const double least = codec::number_or(schema, fmt::format("min{}", unit), 0);
    const double most = codec::number_or(schema, fmt::format("max{}", unit), HUGE_VAL);
    const auto count = static_cast<double>(size);
    const std::string_view noun = unit == "Length" ? "characters" : "items";
    if (count < least) {
      refuse_value(path, value, fmt::format("should have at least {} {}", least, noun));
    }
    if (count > most) refuse(path, fmt::format("Too long: may not be more than {} {}", most, noun));
  }

  void check_text(const Json& schema, const Json& value, const std::string& path) {
    const auto& text = value.get_ref<const std::string&>();
    const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
    check_size(schema, "Length", static_cast<std::size_t>(std::ranges::count_if(text, is_start)),
               value, path);
    const std::string pattern = codec::string_or(schema, "pattern", "");
    if (!pattern.empty() && !matches(text, pattern)) {
      refuse_value(path, value, fmt::format("should match '{}'", pattern));
    }
    if (codec::string_or(schema, "format", "") == "date-time" && !matches(text, kDateTime)) {
      refuse_value(path, value, "must be of type date-time");
    }
  }

  // std::regex recurses once per character, so long texts, which none of our patterns mean to
  // accept, do not reach it.
  static bool matches(const std::string& text, const std::string& pattern) {
    static Guarded<std::map<std::string, std::regex>> compiled;  // As many as our schemas have.
    if (text.size() > 1024) return false;
    return compiled.with([&](auto& cache) {
      const auto it = cache.try_emplace(pattern, pattern).first;
      return std::regex_search(text, it->second);
    });
  }

  void check_number(const Json& schema, Json& value, const std::string& path) {
    if (value.is_number_float() && codec::string_or(schema, "type", "") == "integer" &&
        std::abs(value.get<double>()) < 9e15) {
      value = static_cast<std::int64_t>(value.get<double>());
    }
    const double number = value.get<double>();
    const double least = codec::number_or(schema, "minimum", -HUGE_VAL);
    const double most = codec::number_or(schema, "maximum", HUGE_VAL);
    if (number < least) {
      refuse_value(path, value, fmt::format("should be greater than or equal to {}", least));
    }
    if (number > most) {
      refuse_value(path, value, fmt::format("should be less than or equal to {}", most));
    }
    if (codec::string_or(schema, "format", "") == "int32" && std::abs(number) > 2147483647.0) {
      refuse_value(path, value, "should be a 32-bit integer");
    }
  }
};

}  // namespace

Result<void> check_schema(const ResourceType& type, Json& document) {
  const Schema* schema = type.group == "kaito.sh" ? find_schema(type.kind, type.version) : nullptr;
  if (schema == nullptr) return {};
  Checker checker;
  checker.check_document(schema->json(), document);
  if (checker.errors.empty()) return {};
  if (checker.errors.size() == 1) return fail(ErrorCode::kInvalidArgument, checker.errors.front());
  return fail(ErrorCode::kInvalidArgument, "[{}]", join(checker.errors, ", "));
}

}  // namespace rage::apis
