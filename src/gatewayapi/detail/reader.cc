#include "gatewayapi/detail/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/strings.h"

namespace rage::gatewayapi::detail {
namespace {

constexpr std::size_t kProblemsMax = 16;  // Per part of an object; more help nobody.

bool is_label_char(char c) {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'z') || c == '-';
}

}  // namespace

Reader::Reader(const Json* object, std::string path, Problems* problems)
    : object_(object), path_(std::move(path)), problems_(problems) {
  if (object_ != nullptr && object_->is_null()) object_ = nullptr;
  if (object_ != nullptr && !object_->is_object()) {
    refuse("", "must be an object");
    object_ = nullptr;
  }
}

std::string Reader::path_of(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void Reader::refuse(std::string_view key, std::string_view why, std::string_view reason) const {
  if (problems_->size() >= kProblemsMax) return;
  problems_->push_back(
      {.reason = std::string(reason), .message = fmt::format("{}: {}", path_of(key), why)});
}

const Json* Reader::find(std::string_view key) const {
  if (object_ == nullptr) return nullptr;
  const Json* value = codec::find_key(*object_, key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Reader Reader::child(std::string_view key) const {
  return Reader(find(key), path_of(key), problems_);
}

std::vector<Reader> Reader::items(std::string_view key, std::size_t count_max) const {
  std::vector<Reader> readers;
  const Json* list = find(key);
  if (list == nullptr) return readers;
  if (!list->is_array()) {
    refuse(key, "must be a list");
    return readers;
  }
  if (list->size() > count_max) {
    refuse(key, fmt::format("{} entries; at most {} are allowed", list->size(), count_max));
  }
  for (std::size_t i = 0; i < std::min(list->size(), count_max); ++i) {
    readers.emplace_back(&(*list)[i], fmt::format("{}[{}]", path_of(key), i), problems_);
  }
  return readers;
}

std::optional<std::string> Reader::optional_text(std::string_view key,
                                                 std::size_t bytes_max) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    refuse(key, "must be a string");
    return std::nullopt;
  }
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > bytes_max) {
    refuse(key, fmt::format("{} characters; at most {} are allowed", text.size(), bytes_max));
    return std::nullopt;
  }
  return text;
}

std::string Reader::text(std::string_view key, std::size_t bytes_max,
                         std::string_view fallback) const {
  return optional_text(key, bytes_max).value_or(std::string(fallback));
}

std::string Reader::required_text(std::string_view key, std::size_t bytes_max) const {
  std::string value = text(key, bytes_max);
  const Json* found = find(key);
  if (found == nullptr || *found == "") refuse(key, "is required");
  return value;
}

std::optional<std::int64_t> Reader::integer(std::string_view key, std::int64_t min,
                                            std::int64_t max) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  // An unsigned value beyond int64 would wrap to a negative one.
  const bool wraps = value->is_number_unsigned() &&
                     value->get<std::uint64_t>() >
                         static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value->is_number_integer() || wraps || value->get<std::int64_t>() < min ||
      value->get<std::int64_t>() > max) {
    refuse(key, fmt::format("must be a whole number from {} to {}", min, max));
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

std::optional<std::uint16_t> Reader::port(std::string_view key) const {
  const std::optional<std::int64_t> value = integer(key, 1, 65535);
  if (!value) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

std::optional<bool> Reader::flag(std::string_view key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  refuse(key, "must be true or false");
  return std::nullopt;
}

std::vector<std::string> Reader::texts(std::string_view key, std::size_t count_max) const {
  std::vector<std::string> values;
  const Json* list = find(key);
  if (list == nullptr) return values;
  const bool all_texts =
      list->is_array() && std::ranges::all_of(*list, [](const Json& v) { return v.is_string(); });
  if (!all_texts) {
    refuse(key, "must be a list of strings");
    return values;
  }
  if (list->size() > count_max) {
    refuse(key, fmt::format("{} entries; at most {} are allowed", list->size(), count_max));
  }
  for (const Json& value : *list) {
    if (values.size() < count_max) values.push_back(value.get<std::string>());
  }
  return values;
}

Labels Reader::labels(std::string_view key) const {
  Labels labels;
  const Reader fields = child(key);
  if (!fields.exists()) return labels;
  for (const auto& [name, value] : fields.object()->items()) {
    if (value.is_string()) {
      labels[name] = value.get<std::string>();
    } else {
      fields.refuse(name, "must be a string");
    }
  }
  return labels;
}

ObjectReference read_reference(const Reader& fields, std::string_view default_group,
                               std::string_view default_kind, std::string_view name_space) {
  ObjectReference reference;
  reference.group = fields.text("group", kNameBytesMax, default_group);
  reference.kind = fields.text("kind", kKindBytesMax, default_kind);
  reference.object.name = fields.required_text("name", kNameBytesMax);
  reference.object.name_space = fields.text("namespace", kKindBytesMax, name_space);
  if (reference.object.name_space.empty()) reference.object.name_space = name_space;
  return reference;
}

LabelSelector read_selector(const Reader& fields) {
  constexpr std::size_t kRequirementsMax = 64;
  LabelSelector selector;
  selector.match_labels = fields.labels("matchLabels");
  for (const Reader& item : fields.items("matchExpressions", kRequirementsMax)) {
    LabelRequirement requirement{.key = item.required_text("key", 317),
                                 .op = item.required_text("operator", kKindBytesMax),
                                 .values = item.texts("values", 256)};
    const bool takes_values = requirement.op == "In" || requirement.op == "NotIn";
    if (!takes_values && requirement.op != "Exists" && requirement.op != "DoesNotExist") {
      item.refuse("operator", "must be In, NotIn, Exists or DoesNotExist");
    } else if (takes_values == requirement.values.empty()) {
      item.refuse("values", takes_values ? "must not be empty" : "must be empty");
    }
    selector.requirements.push_back(std::move(requirement));
  }
  return selector;
}

bool is_header_name(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return is_ascii_alpha(c) || is_ascii_digit(c) || kMarks.contains(c);
  });
}

bool is_header_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool is_section_name(std::string_view text) {
  return text.size() <= kNameBytesMax &&
         std::ranges::all_of(split(text, '.'), [](std::string_view label) {
           return !label.empty() && label.front() != '-' && label.back() != '-' &&
                  std::ranges::all_of(label, is_label_char);
         });
}

}  // namespace rage::gatewayapi::detail
