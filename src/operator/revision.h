// ControllerRevisions: the history of a resource's spec, and the hash that tells whether it
// changed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "operator/plan.h"

namespace rage::op {

struct RevisionNames {
  std::string label;            // "workspace.kaito.io/name"
  std::string hash_annotation;  // "workspace.kaito.io/hash"
  std::string revision_annotation;
};
RevisionNames revision_names(std::string_view kind);  // "workspace", "inferenceset", "ragengine"

struct Revision {
  std::int64_t number = 0;
  std::string hash;             // 64 hex digits.
  std::vector<Change> changes;  // Create the ControllerRevision, annotate the owner, drop the 11th.
};

// `input` is what is hashed (apis revision_input()), `data` what is kept in the ControllerRevision.
// A known hash gets its old number back. Nothing to change: no changes. A collision of the short
// name takes more digits of the hash (the original refuses).
Revision plan_revision(std::string_view kind, const ResourceType& owner_type,
                       const ObjectMeta& owner, std::string_view input, const Json& data,
                       const std::vector<Json>& existing);

}  // namespace rage::op
