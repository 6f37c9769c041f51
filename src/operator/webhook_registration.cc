#include "operator/webhook_registration.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "apis/kinds.h"
#include "apis/schema.h"
#include "base/check.h"
#include "operator/json_compare.h"

namespace rage::op {
namespace {

const ResourceType& configuration_type() {
  return apis::builtin_type("ValidatingWebhookConfiguration");
}

const ResourceType& crd_type() {
  return apis::builtin_type("CustomResourceDefinition");
}

bool is_there(const Json& object, std::string_view key) {
  const Json* value = codec::find_key(object, key);
  return value != nullptr && !value->empty();
}

// Exactly our one webhook, for every object: another's selector would let some pass unseen.
bool is_as_wanted(const Json& wanted, const Json& observed) {
  constexpr std::array<std::string_view, 3> kNarrowing = {"namespaceSelector", "objectSelector",
                                                          "matchConditions"};
  const Json* webhooks = codec::find_key(observed, "webhooks");
  if (webhooks == nullptr || !webhooks->is_array() || webhooks->size() != 1) return false;
  const Json& webhook = webhooks->front();
  const auto narrows = [&](std::string_view key) { return is_there(webhook, key); };
  return std::ranges::none_of(kNarrowing, narrows) &&
         !needs_apply(wanted.at("webhooks").front(), webhook);
}

PatchObject patch_of(const ResourceType& type, const Json& observed, Json patch) {
  const ObjectMeta meta = apis::parse_meta(observed);
  patch["metadata"]["resourceVersion"] = meta.resource_version;
  return {.type = type, .key = meta.key(), .patch = std::move(patch)};
}

void plan_configuration(std::vector<Change>& changes, Json wanted, const Json& observed) {
  if (!observed.is_object()) {
    changes.emplace_back(CreateObject{configuration_type(), std::move(wanted)});
  } else if (!is_as_wanted(wanted, observed)) {
    // Upstream's belongs to its namespace and would go with it.
    const Json patch = {{"metadata", {{"ownerReferences", nullptr}}},
                        {"webhooks", std::move(wanted["webhooks"])}};
    changes.emplace_back(patch_of(configuration_type(), observed, patch));
  }
}

void plan_conversion(std::vector<Change>& changes, const Json& wanted, const Json& observed) {
  const Json* spec = codec::find_key(observed, "spec");
  if (spec == nullptr) return;
  const Json* found = codec::find_key(*spec, "conversion");
  const Json conversion = found != nullptr ? *found : Json{{"strategy", "None"}};
  if (!needs_apply(wanted, conversion)) return;
  const Json patch = {{"spec", {{"conversion", merge_patch_of(conversion, wanted)}}}};
  changes.emplace_back(patch_of(crd_type(), observed, patch));
}

}  // namespace

std::vector<RegisteredObject> registered_objects() {
  std::vector<RegisteredObject> objects;
  for (const Json& configuration : render_webhook_configurations({})) {
    objects.push_back({configuration_type(), apis::parse_meta(configuration).key()});
  }
  for (const apis::KindDescription& kind : apis::kind_descriptions()) {
    if (kind.versions.size() < 2) continue;
    const std::string name = kind.type.plural + "." + kind.type.group;
    objects.push_back({crd_type(), {.ns = "", .name = name}});
  }
  return objects;
}

std::vector<Change> plan_registration(const std::vector<Json>& observed,
                                      const WebhookTarget& target) {
  CHECK(observed.size() == registered_objects().size());
  std::vector<Change> changes;
  std::size_t at = 0;
  for (Json& configuration : render_webhook_configurations(target)) {
    plan_configuration(changes, std::move(configuration), observed[at++]);
  }
  const Json conversion = render_conversion(target);
  while (at < observed.size()) plan_conversion(changes, conversion, observed[at++]);
  return changes;
}

std::vector<Change> plan_removal(const std::vector<Json>& observed) {
  const std::vector<RegisteredObject> objects = registered_objects();
  CHECK(observed.size() == objects.size());
  std::vector<Change> changes;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (objects[i].type == crd_type()) {
      plan_conversion(changes, {{"strategy", "None"}}, observed[i]);
    } else if (observed[i].is_object()) {
      changes.emplace_back(DeleteObject{.type = objects[i].type,
                                        .key = objects[i].key,
                                        .uid = apis::parse_meta(observed[i]).uid});
    }
  }
  return changes;
}

}  // namespace rage::op
