// What the API server has to know of our webhook: ValidatingWebhookConfigurations, and the
// conversion of our CRDs. Pure: what is there in, changes out.
#pragma once

#include <vector>

#include "operator/plan.h"
#include "operator/webhook.h"

namespace rage::op {

struct RegisteredObject {
  ResourceType type;
  ObjectKey key;
};

// The configurations, then the CRDs of the kinds with two versions: what is to be read before
// planning, in this order. By name only, so that RBAC need not grant more.
std::vector<RegisteredObject> registered_objects();

// `observed`: the documents of registered_objects(), null where there is none. Configurations are
// made, or replaced whole, whoever made them (upstream's have the same names); CRDs that are not
// installed are left out. Each change of something that is there carries its resourceVersion: one
// made from an older Secret than another replica's must lose.
std::vector<Change> plan_registration(const std::vector<Json>& observed,
                                      const WebhookTarget& target);

// So that nobody is asked: without configurations, and converting by renaming the version alone.
std::vector<Change> plan_removal(const std::vector<Json>& observed);

}  // namespace rage::op
