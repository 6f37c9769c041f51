#include "kubeobjects/schema_check.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/strings.h"
#include "codec/key_finder.h"
#include "kubeobjects/canonical_quantity.h"

namespace rage::kubeobjects {
namespace {

constexpr std::size_t kProblemsMax = 20;
constexpr std::string_view kDateTime =  // RFC 3339.
    R"(^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d([.]\d+)?([Zz]|[+-]\d\d:\d\d)$)";

std::string join_path(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string_view json_type(const Json& value) {
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  if (value.is_null()) return "null";
  return value.is_number_float() ? "number" : "integer";
}

bool is_whole(const Json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
}

bool has_type(const SchemaView& schema, const Json& value) {
  if (schema.is_int_or_string()) return is_whole(value) || value.is_string();
  if (schema.is_quantity()) return value.is_number() || value.is_string();
  const std::string_view type = schema.type();
  if (type.empty()) return true;
  if (type == "integer") return value.is_number() && is_whole(value);
  if (type == "number") return value.is_number();
  return json_type(value) == type;
}

std::string_view go_type(std::string_view type) {
  if (type == "boolean") return "bool";
  if (type == "object") return "map[string]interface {}";
  if (type == "array") return "[]interface {}";
  return type;
}

bool is_required(const SchemaView& parent, std::string_view key) {
  const Json* required = parent.keyword("required");
  if (required == nullptr) return false;
  return std::ranges::any_of(*required, [&](const Json& name) { return name == key; });
}

// Pointers to strings, of which an empty one means something, and lists that Go does not leave out.
bool may_be_empty(const SchemaView& parent, std::string_view key) {
  if (key == "ports") return parent.declares("endpoints");
  return key == "storageClassName" || key == "apiGroup" || key == "rules" || key == "endpoints";
}

// Goes along one document and its schema.
class Checker final {
 public:
  explicit Checker(SchemaOrigin origin) : origin_(origin) {}

  void check(const SchemaView& schema, Json& value, const std::string& path) {
    if (!schema.known()) return;
    if (value.is_null() && schema.flag("nullable")) return;
    if (!has_type(schema, value)) {
      refuse_type(schema, value, path);
      if (!builtin()) check_enum(schema, value, path);
      return;
    }
    if (schema.is_quantity()) {
      value = canonical_quantity(value.is_number() ? codec::render_json(value)
                                                   : value.get_ref<const std::string&>());
    }
    check_enum(schema, value, path);
    if (value.is_object()) check_object(schema, value, path);
    if (value.is_array()) check_list(schema, value, path);
    if (value.is_string()) check_text(schema, value, path);
    if (value.is_number()) check_number(schema, value, path);
  }

  Checked result;

 private:
  bool builtin() const { return origin_ == SchemaOrigin::kBuiltin; }

  void refuse(std::string_view reason, std::string_view path, std::string message) {
    if (result.causes.size() >= kProblemsMax) return;
    result.causes.push_back({.reason = fmt::format("FieldValue{}", reason),
                             .message = std::move(message),
                             .field = std::string(path.empty() ? "<nil>" : path)});
  }
  void refuse_value(std::string_view path, const Json& value, std::string_view why) {
    refuse("Invalid", path,
           fmt::format("Invalid value: {}: {} in body {}", codec::render_json(value), path, why));
  }

  void refuse_type(const SchemaView& schema, const Json& value, const std::string& path) {
    const std::string_view type = schema.type();
    if (builtin()) {
      if (!result.undecodable.empty()) return;
      result.undecodable =
          fmt::format("json: cannot unmarshal {} into Go struct field {} of type {}",
                      value.is_number() ? "number" : json_type(value), path, go_type(type));
      return;
    }
    const std::string_view wanted = schema.is_int_or_string() ? "integer or string" : type;
    refuse("TypeInvalid", path,
           fmt::format("Invalid value: \"{0}\": {1} in body must be of type {2}: \"{0}\"",
                       json_type(value), path, wanted));
  }

  void check_enum(const SchemaView& schema, const Json& value, const std::string& path) {
    const Json* allowed = schema.keyword("enum");
    if (allowed == nullptr || std::ranges::count(*allowed, value) > 0) return;
    if (builtin() && value == "") return;  // Left out.
    std::vector<std::string> values;
    for (const Json& one : *allowed) values.push_back(codec::render_json(one));
    refuse("NotSupported", path,
           fmt::format("Unsupported value: {}: supported values: {}", codec::render_json(value),
                       join(values, ", ")));
  }

  void check_object(const SchemaView& schema, Json& value, const std::string& path) {
    prepare_fields(schema, value, path);
    if (!builtin() || !path.starts_with("status")) check_required(schema, value, path);
    check_size(schema, "Properties", value.size(), path);
    for (auto& [key, item] : value.items()) {
      if (path.empty() && key == "metadata") {
        static const SchemaView meta(find_builtin_type("meta.v1.ObjectMeta"));
        check(meta, item, key);
      } else if (!(path.empty() && (key == "apiVersion" || key == "kind"))) {
        check(schema.field(key), item, join_path(path, key));
      }
    }
  }

  bool is_kept(const SchemaView& schema, const std::string& key, const std::string& path) const {
    if (schema.is_map() || schema.declares(key) || schema.keeps_unknown()) return true;
    const bool embedded = path.empty() || schema.flag("x-kubernetes-embedded-resource");
    return embedded && (key == "apiVersion" || key == "kind" || key == "metadata");
  }

  bool is_left_out(const SchemaView& schema, const std::string& key, const Json& item) const {
    if (!builtin() || schema.is_map() || !schema.declares(key)) return false;
    if (is_required(schema, key) || may_be_empty(schema, key)) return false;
    const SchemaView field = schema.field(key);
    if (item.is_string()) return field.type() == "string" && item == "";
    if (item.is_array()) return field.type() == "array" && item.empty();
    return item.is_object() && item.empty() && field.is_map();
  }

  // Takes out what the schema does not know, nulls and what Go leaves out; fills in defaults.
  void prepare_fields(const SchemaView& schema, Json& value, const std::string& path) {
    Json kept = Json::object();
    for (auto& [key, item] : value.items()) {
      const SchemaView field = schema.field(key);
      if (item.is_null() && !field.flag("nullable") && (field.known() || builtin())) continue;
      if (!is_kept(schema, key, path)) {
        if (result.unknown_fields.size() < kProblemsMax) {
          result.unknown_fields.push_back(join_path(path, key));
        }
        continue;
      }
      if (!is_left_out(schema, key, item)) codec::append_key(kept, key, std::move(item));
    }
    value = std::move(kept);
    const Json* properties = schema.keyword("properties");
    if (properties == nullptr) return;
    for (const auto& [key, field] : properties->items()) {
      const Json* standard = codec::find_key(field, "default");
      if (standard != nullptr && !value.contains(key)) value[key] = *standard;
    }
  }

  void check_required(const SchemaView& schema, const Json& value, const std::string& path) {
    const Json* required = schema.keyword("required");
    if (required == nullptr) return;
    for (const Json& name : *required) {
      const Json* found = codec::find_key(value, name.get<std::string>());
      const bool empty = builtin() && found != nullptr && *found == "";
      if (found != nullptr && !empty) continue;
      refuse("Required", join_path(path, name.get<std::string>()), "Required value");
    }
  }

  void check_list(const SchemaView& schema, Json& value, const std::string& path) {
    check_size(schema, "Items", value.size(), path);
    const SchemaView items = schema.items();
    for (std::size_t i = 0; i < value.size(); ++i) {
      check(items, value[i], fmt::format("{}[{}]", path, i));
    }
    if (schema.list_kind() != ListKind::kAtomic) check_duplicates(schema, value, path);
  }

  // Kubernetes does not look for duplicates in built-in lists, ports of a container among them.
  void check_duplicates(const SchemaView& schema, const Json& list, const std::string& path) {
    std::set<std::string> seen;
    for (std::size_t i = 0; !builtin() && i < list.size(); ++i) {
      const Json identity =
          schema.list_kind() == ListKind::kMap ? item_keys(schema, list[i]) : list[i];
      if (seen.insert(codec::render_json(identity)).second) continue;
      refuse("Duplicate", fmt::format("{}[{}]", path, i),
             fmt::format("Duplicate value: {}", codec::render_json(identity)));
    }
  }

  void check_size(const SchemaView& schema, std::string_view unit, std::size_t size,
                  const std::string& path) {
    const auto bound = [&](std::string_view prefix, double fallback) {
      const Json* found = schema.keyword(fmt::format("{}{}", prefix, unit));
      return found != nullptr && found->is_number() ? found->get<double>() : fallback;
    };
    const auto count = static_cast<double>(size);
    const double least = bound("min", 0);
    const double most = bound("max", HUGE_VAL);
    const bool text = unit == "Length";
    if (count < least) {
      refuse("Invalid", path,
             fmt::format("Invalid value: {}: {} in body should {} at least {} {}", size, path,
                         text ? "be" : "have", least, text ? "chars long" : "items"));
    }
    if (count > most && text) {
      refuse("TooLong", path, fmt::format("Too long: may not be more than {} bytes", most));
    } else if (count > most) {
      refuse("TooMany", path, fmt::format("Too many: {}: must have at most {} items", size, most));
    }
  }

  void check_text(const SchemaView& schema, const Json& value, const std::string& path) {
    const auto& text = value.get_ref<const std::string&>();
    const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
    check_size(schema, "Length", static_cast<std::size_t>(std::ranges::count_if(text, is_start)),
               path);
    const std::string_view pattern = schema.text("pattern");
    // A pattern that RE2 cannot read accepts everything, as it was accepted with its CRD.
    if (!pattern.empty()) {
      const RE2 compiled(pattern, RE2::Quiet);
      if (compiled.ok() && !RE2::PartialMatch(text, compiled)) {
        refuse_value(path, value, fmt::format("should match '{}'", pattern));
      }
    }
    static const RE2 date_time(kDateTime);
    if (schema.text("format") == "date-time" && !RE2::PartialMatch(text, date_time)) {
      refuse_value(path, value, "must be of type date-time");
    }
  }

  void check_number(const SchemaView& schema, Json& value, const std::string& path) {
    if (value.is_number_float() && schema.type() == "integer" &&
        std::abs(value.get<double>()) < 9e15) {
      value = static_cast<std::int64_t>(value.get<double>());
    }
    const double number = value.get<double>();
    const Json* least = schema.keyword("minimum");
    const Json* most = schema.keyword("maximum");
    if (least != nullptr && least->is_number() && number < least->get<double>()) {
      refuse_value(path, value,
                   fmt::format("should be greater than or equal to {}", least->get<double>()));
    }
    if (most != nullptr && most->is_number() && number > most->get<double>()) {
      refuse_value(path, value,
                   fmt::format("should be less than or equal to {}", most->get<double>()));
    }
  }

  const SchemaOrigin origin_;
};

}  // namespace

Checked check_document(const SchemaView& schema, SchemaOrigin origin, Json& document) {
  Checker checker(origin);
  checker.check(schema, document, "");
  return std::move(checker.result);
}

}  // namespace rage::kubeobjects
