// Structural schemas (OpenAPI v3 as CustomResourceDefinitions have it), looked at node by node; of
// CRDs and of the built-in kinds alike. Source: Kubernetes, "Extend the Kubernetes API with
// CustomResourceDefinitions"; the OpenAPI of kube-apiserver v1.36.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace rage::kubeobjects {

using codec::Json;

enum class ListKind { kAtomic, kSet, kMap };

// The schema of a built-in type, "core.v1.Pod"; null if there is none of that name.
const Json* find_builtin_type(std::string_view name);
// All of them: name to schema. References are names.
const Json& builtin_types();

// Value; a view of a schema that outlives it. A default-constructed one is of a value nobody
// described: maps merge, lists are atomic, nothing is pruned.
class SchemaView final {
 public:
  SchemaView() = default;
  explicit SchemaView(const Json* node);

  bool known() const { return node_ != nullptr; }
  std::string_view type() const;  // "": any.
  // Of the node itself, or of the type it refers to; null if absent.
  const Json* keyword(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::string_view text(std::string_view name) const;

  bool declares(std::string_view field) const;
  SchemaView field(std::string_view name) const;  // A declared field, else a map's value.
  SchemaView items() const;
  // Fields that are not declared stay.
  bool keeps_unknown() const;
  bool is_map() const;  // Keys are data, not fields.
  bool is_int_or_string() const;
  bool is_quantity() const;

  ListKind list_kind() const;
  // Of a list that is a map: what tells its items apart.
  std::vector<std::string> map_keys() const;
  // What strategic merge patch goes by; empty: the list is replaced.
  std::string_view patch_merge_key() const { return text("x-kubernetes-patch-merge-key"); }
  bool patch_merges() const;
  // Owned as a whole: declared so, or raw JSON in a built-in kind.
  bool is_atomic_map() const;
  // Refers to a built-in type.
  bool is_reference() const { return target_ != nullptr; }

 private:
  const Json* node_ = nullptr;
  const Json* target_ = nullptr;  // What $ref says; null without one.
};

// The identity of an item of a list that is a map: its keys, with their defaults.
Json item_keys(const SchemaView& list, const Json& item);

}  // namespace rage::kubeobjects
