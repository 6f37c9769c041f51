#include "apis/detail/field_reader.h"

#include <limits>

namespace rage::apis::detail {

FieldReader::FieldReader(const Json& object, std::string path)
    : object_(object.is_object() ? &object : nullptr),
      path_(std::move(path)),
      error_(std::make_shared<std::string>()) {
  if (!object.is_object() && !object.is_null()) {
    *error_ = path_.empty() ? "must be an object" : path_ + ": must be an object";
  }
}

std::string FieldReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

const Json* FieldReader::find(std::string_view key) const {
  if (object_ == nullptr) return nullptr;
  const Json* value = codec::find_key(*object_, key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void FieldReader::refuse(std::string_view key, std::string_view why) const {
  if (error_->empty()) *error_ = fmt::format("{}: {}", path_of(key), why);
}

Result<void> FieldReader::check() const {
  if (error_->empty()) return {};
  return fail(ErrorCode::kInvalidArgument, *error_);
}

FieldReader FieldReader::child(std::string_view key) const {
  const Json* value = find(key);
  if (value != nullptr && !value->is_object()) {
    refuse(key, "must be an object");
    value = nullptr;
  }
  return FieldReader(value, path_of(key), error_);
}

std::vector<FieldReader> FieldReader::children(std::string_view key) const {
  std::vector<FieldReader> readers;
  const Json* value = find(key);
  if (value == nullptr) return readers;
  if (!value->is_array()) refuse(key, "must be a list");
  if (!value->is_array()) return readers;
  for (std::size_t i = 0; i < value->size(); ++i) {
    const Json& item = (*value)[i];
    const std::string at = fmt::format("{}[{}]", key, i);
    if (!item.is_object()) refuse(at, "must be an object");
    readers.push_back(FieldReader(item.is_object() ? &item : nullptr, path_of(at), error_));
  }
  return readers;
}

std::vector<std::string> FieldReader::keys() const {
  std::vector<std::string> names;
  if (object_ == nullptr) return names;
  for (const auto& [key, value] : object_->items()) names.push_back(key);
  return names;
}

std::string FieldReader::text(std::string_view key, std::string_view fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return std::string(fallback);
  if (value->is_string()) return value->get<std::string>();
  refuse(key, "must be a string");
  return std::string(fallback);
}

std::optional<int> FieldReader::optional_integer(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer()) {
    // An unsigned value beyond int64 wraps to a negative one, so it is compared as what it is.
    const bool too_big = value->is_number_unsigned() &&
                         value->get<std::uint64_t>() > std::numeric_limits<int>::max();
    const auto number = value->get<std::int64_t>();
    if (!too_big && number >= std::numeric_limits<int>::min() &&
        number <= std::numeric_limits<int>::max()) {
      return static_cast<int>(number);
    }
  }
  refuse(key, "must be a 32-bit integer");
  return std::nullopt;
}

int FieldReader::integer(std::string_view key, int fallback) const {
  return optional_integer(key).value_or(fallback);
}

bool FieldReader::flag(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  refuse(key, "must be true or false");
  return fallback;
}

std::vector<std::string> FieldReader::texts(std::string_view key) const {
  std::vector<std::string> list;
  const Json* value = find(key);
  if (value == nullptr) return list;
  if (!value->is_array()) {
    refuse(key, "must be a list");
    return list;
  }
  for (std::size_t i = 0; i < value->size(); ++i) {
    const Json& item = (*value)[i];
    if (item.is_string()) {
      list.push_back(item.get<std::string>());
    } else {
      refuse(fmt::format("{}[{}]", key, i), "must be a string");
    }
  }
  return list;
}

StringMap FieldReader::text_map(std::string_view key) const {
  StringMap map;
  const FieldReader fields = child(key);
  for (const std::string& name : fields.keys()) map.emplace(name, fields.text(name));
  return map;
}

LabelSelector FieldReader::selector(std::string_view key) const {
  const FieldReader fields = child(key);
  LabelSelector selector{.match_labels = fields.text_map("matchLabels"), .match_expressions = {}};
  for (const FieldReader& requirement : fields.children("matchExpressions")) {
    selector.match_expressions.push_back({.key = requirement.text("key"),
                                          .op = requirement.text("operator"),
                                          .values = requirement.texts("values")});
  }
  return selector;
}

Json FieldReader::object(std::string_view key) const {
  const FieldReader fields = child(key);
  return fields.exists() ? *fields.object_ : Json(nullptr);
}

}  // namespace rage::apis::detail
