#include "apis/meta.h"

#include <algorithm>
#include <utility>

#include "apis/detail/field_reader.h"
#include "base/check.h"
#include "base/strings.h"

namespace rage::apis {
namespace {

std::string find_or_empty(const StringMap& map, std::string_view key) {
  const auto it = map.find(std::string(key));
  return it == map.end() ? std::string() : it->second;
}

std::int64_t integer_or_zero(const Json& object, std::string_view key) {
  const Json* value = codec::find_key(object, key);
  return value != nullptr && value->is_number_integer() ? value->get<std::int64_t>() : 0;
}

ConditionStatus condition_status(std::string_view text) {
  if (text == "True") return ConditionStatus::kTrue;
  return text == "False" ? ConditionStatus::kFalse : ConditionStatus::kUnknown;
}

bool matches_one(const SelectorRequirement& requirement, const StringMap& labels) {
  const auto it = labels.find(requirement.key);
  const bool present = it != labels.end();
  const auto is_value = [&] { return std::ranges::count(requirement.values, it->second) > 0; };
  if (requirement.op == "In") return present && is_value();
  if (requirement.op == "NotIn") return !present || !is_value();
  if (requirement.op == "Exists") return present;
  // An operator nobody knows matches nothing: selecting too little is the safe mistake.
  return requirement.op == "DoesNotExist" && !present;
}

std::string text_of(const SelectorRequirement& requirement) {
  if (requirement.op == "Exists") return requirement.key;
  if (requirement.op == "DoesNotExist") return "!" + requirement.key;
  const std::string_view verb = requirement.op == "NotIn" ? "notin" : "in";
  return fmt::format("{} {} ({})", requirement.key, verb, join(requirement.values, ","));
}

}  // namespace

const OwnerReference* ObjectMeta::controller() const {
  const auto it = std::ranges::find_if(owners, [](const auto& owner) { return owner.controller; });
  return it == owners.end() ? nullptr : &*it;
}

bool ObjectMeta::has_finalizer(std::string_view finalizer) const {
  return std::ranges::find(finalizers, finalizer) != finalizers.end();
}

std::string ObjectMeta::label(std::string_view key) const {
  return find_or_empty(labels, key);
}

std::string ObjectMeta::annotation(std::string_view key) const {
  return find_or_empty(annotations, key);
}

ObjectMeta parse_meta(const Json& object) {
  const Json* metadata = codec::find_key(object, "metadata");
  if (metadata == nullptr || !metadata->is_object()) return {};
  // The reader's errors are ignored on purpose: another type reads as absent.
  const detail::FieldReader fields(*metadata);
  ObjectMeta meta;
  meta.name = fields.text("name");
  meta.ns = fields.text("namespace");
  meta.uid = fields.text("uid");
  meta.resource_version = fields.text("resourceVersion");
  meta.generation = integer_or_zero(*metadata, "generation");
  meta.creation_timestamp = fields.text("creationTimestamp");
  meta.deleting = !fields.text("deletionTimestamp").empty();
  meta.labels = fields.text_map("labels");
  meta.annotations = fields.text_map("annotations");
  meta.finalizers = fields.texts("finalizers");
  for (const detail::FieldReader& owner : fields.children("ownerReferences")) {
    meta.owners.push_back({.api_version = owner.text("apiVersion"),
                           .kind = owner.text("kind"),
                           .name = owner.text("name"),
                           .uid = owner.text("uid"),
                           .controller = owner.flag("controller")});
  }
  return meta;
}

std::string_view name_of(ConditionStatus status) {
  switch (status) {
    case ConditionStatus::kTrue:
      return "True";
    case ConditionStatus::kFalse:
      return "False";
    case ConditionStatus::kUnknown:
      return "Unknown";
  }
  UNREACHABLE();
}

Conditions parse_conditions(const Json& status) {
  Conditions conditions;
  if (!status.is_object()) return conditions;
  const Json* list = codec::find_key(status, "conditions");
  if (list == nullptr || !list->is_array()) return conditions;
  for (const Json& item : *list) {
    if (!item.is_object()) continue;
    Condition condition;
    condition.type = codec::string_or(item, "type", "");
    condition.status = condition_status(codec::string_or(item, "status", ""));
    condition.reason = codec::string_or(item, "reason", "");
    condition.message = codec::string_or(item, "message", "");
    condition.observed_generation = integer_or_zero(item, "observedGeneration");
    condition.last_transition_time = codec::string_or(item, "lastTransitionTime", "");
    conditions.push_back(std::move(condition));
  }
  return conditions;
}

Json render_conditions(const Conditions& conditions) {
  Json list = Json::array();
  for (const Condition& condition : conditions) {
    Json item = Json::object();
    item["lastTransitionTime"] = condition.last_transition_time;
    item["message"] = condition.message;
    if (condition.observed_generation != 0) {
      item["observedGeneration"] = condition.observed_generation;
    }
    // The API server refuses an empty reason, and with it the whole status.
    item["reason"] = condition.reason.empty() ? condition.type : condition.reason;
    item["status"] = name_of(condition.status);
    item["type"] = condition.type;
    list.push_back(std::move(item));
  }
  return list;
}

void set_condition(Conditions& conditions, Condition condition, std::string_view now) {
  const auto it = std::ranges::find(conditions, condition.type, &Condition::type);
  if (it == conditions.end()) {
    condition.last_transition_time = now;
    conditions.push_back(std::move(condition));
    return;
  }
  const bool same = it->status == condition.status && !it->last_transition_time.empty();
  condition.last_transition_time = same ? it->last_transition_time : std::string(now);
  *it = std::move(condition);
}

void remove_condition(Conditions& conditions, std::string_view type) {
  std::erase_if(conditions, [&](const Condition& condition) { return condition.type == type; });
}

const Condition* find_condition(const Conditions& conditions, std::string_view type) {
  const auto it = std::ranges::find(conditions, type, &Condition::type);
  return it == conditions.end() ? nullptr : &*it;
}

bool is_true(const Conditions& conditions, std::string_view type) {
  const Condition* condition = find_condition(conditions, type);
  return condition != nullptr && condition->status == ConditionStatus::kTrue;
}

bool LabelSelector::matches(const StringMap& labels) const {
  const auto has = [&](const auto& wanted) {
    const auto it = labels.find(wanted.first);
    return it != labels.end() && it->second == wanted.second;
  };
  return std::ranges::all_of(match_labels, has) &&
         std::ranges::all_of(match_expressions, [&](const SelectorRequirement& requirement) {
           return matches_one(requirement, labels);
         });
}

std::string LabelSelector::str() const {
  std::vector<std::string> parts;
  for (const auto& [key, value] : match_labels) parts.push_back(key + "=" + value);
  for (const SelectorRequirement& requirement : match_expressions) {
    parts.push_back(text_of(requirement));
  }
  return join(parts, ",");
}

Result<StringMap> LabelSelector::as_map() const {
  StringMap map = match_labels;
  for (const SelectorRequirement& requirement : match_expressions) {
    if (requirement.op != "In" || requirement.values.size() != 1) {
      return fail(ErrorCode::kInvalidArgument,
                  "only matchLabels and \"In\" with one value can be used, not {}({})",
                  requirement.key, requirement.op);
    }
    const auto [it, added] = map.emplace(requirement.key, requirement.values.front());
    if (!added && it->second != requirement.values.front()) {
      return fail(ErrorCode::kInvalidArgument, "{} is asked to be both {} and {}", requirement.key,
                  it->second, requirement.values.front());
    }
  }
  return map;
}

LabelSelector parse_label_selector(const Json& selector) {
  Json wrapped = Json::object();
  wrapped["selector"] = selector;
  return detail::FieldReader(wrapped).selector("selector");
}

Json render_label_selector(const LabelSelector& selector) {
  Json json = Json::object();
  if (!selector.match_labels.empty()) {
    Json& labels = json["matchLabels"] = Json::object();
    for (const auto& [key, value] : selector.match_labels) labels[key] = value;
  }
  if (!selector.match_expressions.empty()) {
    Json& list = json["matchExpressions"] = Json::array();
    for (const SelectorRequirement& requirement : selector.match_expressions) {
      Json item = Json::object();
      item["key"] = requirement.key;
      item["operator"] = requirement.op;
      if (!requirement.values.empty()) item["values"] = requirement.values;
      list.push_back(std::move(item));
    }
  }
  return json;
}

}  // namespace rage::apis
