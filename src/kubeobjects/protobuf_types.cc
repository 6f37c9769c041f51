#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "kubeobjects/detail/protobuf_types.h"

namespace rage::kubeobjects::detail {
namespace {

using Kind = ProtoField::Kind;
using Shape = ProtoField::Shape;
using Messages = std::map<std::string_view, ProtoMessage>;

constexpr std::string_view kText =
#include "kubeobjects/data/protobuf.inc"
    ;

constexpr std::pair<std::string_view, Kind> kKinds[] = {
    {"s", Kind::kString},
    {"b", Kind::kBytes},
    {"i", Kind::kInteger},
    {"t", Kind::kTruth},
    {"d", Kind::kDouble},
    {"Quantity", Kind::kQuantity},
    {"IntOrString", Kind::kIntOrString},
    {"Time", Kind::kTime},
    {"MicroTime", Kind::kMicroTime},
    {"Raw", Kind::kRaw},
    {"Items", Kind::kItems},
};

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "3 replicas *i"
ProtoField parse_field(std::string_view line, const Messages& messages) {
  const auto parts = split(line, ' ');
  CHECK(parts.size() == 3);
  ProtoField field{.number = static_cast<std::uint32_t>(*parse_uint(parts[0])), .name = parts[1]};
  field.inlined = field.name == ".";
  std::string_view type = parts[2];
  field.always = type.ends_with('!');
  if (field.always) type.remove_suffix(1);
  if (take_prefix(type, "*")) field.shape = Shape::kOptional;
  if (take_prefix(type, "[]")) field.shape = Shape::kList;
  if (take_prefix(type, "{}")) field.shape = Shape::kMap;
  const auto known = std::ranges::find(kKinds, type, [](const auto& each) { return each.first; });
  if (known != std::end(kKinds)) {
    field.kind = known->second;
    return field;
  }
  const auto message = messages.find(type);
  CHECK(message != messages.end());
  field.kind = Kind::kMessage;
  field.message = &message->second;
  return field;
}

bool is_field(std::string_view line) {
  return is_ascii_digit(line.front());
}

Messages parse_table() {
  Messages messages;
  const auto lines = split(kText, '\n');
  for (const std::string_view line : lines) {
    if (!line.empty() && !is_field(line)) messages[line].name = line;
  }
  ProtoMessage* current = nullptr;
  for (const std::string_view line : lines) {
    if (line.empty()) continue;
    if (is_field(line)) {
      current->fields.push_back(parse_field(line, messages));
    } else {
      current = &messages[line];
    }
  }
  return messages;
}

}  // namespace

const ProtoField* ProtoMessage::find(std::uint32_t number) const {
  const auto found = std::ranges::lower_bound(fields, number, {}, &ProtoField::number);
  return found != fields.end() && found->number == number ? &*found : nullptr;
}

const ProtoMessage* find_proto_message(std::string_view name) {
  static const Messages messages = parse_table();
  const auto found = messages.find(name);
  return found == messages.end() ? nullptr : &found->second;
}

}  // namespace rage::kubeobjects::detail
