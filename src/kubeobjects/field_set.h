// Sets of fields, as metadata.managedFields holds them: which manager owns what.
// Source: Kubernetes, "Server-Side Apply"; meta/v1 FieldsV1.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kubeobjects/schema_view.h"

namespace rage::kubeobjects {

// Value. A tree whose keys are those of FieldsV1: "f:spec", "k:{\"name\":\"a\"}", "v:\"x\"".
struct FieldSet {
  bool member = false;  // The path to here is in the set.
  std::map<std::string, FieldSet, std::less<>> children;

  bool empty() const { return !member && children.empty(); }
  bool operator==(const FieldSet&) const = default;
};

FieldSet parse_fields(const Json& fields_v1);
Json render_fields(const FieldSet& set);

FieldSet union_of(const FieldSet& a, const FieldSet& b);
FieldSet difference_of(const FieldSet& a, const FieldSet& b);
FieldSet intersection_of(const FieldSet& a, const FieldSet& b);
// ".spec.containers[name=\"a\"].image", one a member, at most `most`.
std::vector<std::string> paths_of(const FieldSet& set, std::size_t most);

// What an applied configuration states.
FieldSet fields_of(const SchemaView& schema, const Json& value);

struct Comparison {
  FieldSet changed;  // Added or modified.
  FieldSet removed;
};
Comparison compare(const SchemaView& schema, const Json& before, const Json& after);

// The union of both, `config` winning; lists by their kind.
Json merge_applied(const SchemaView& schema, const Json& live, const Json& config);
// Takes out of `value` what is in `last` and in nobody's `owned`.
void prune_unowned(const SchemaView& schema, Json& value, const FieldSet& last,
                   const FieldSet& owned);

}  // namespace rage::kubeobjects
