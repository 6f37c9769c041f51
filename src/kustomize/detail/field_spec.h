// Where in which kinds something stands: what transformers go by.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace rage::kustomize {

using codec::Json;

// "apps/v1" "Deployment": empty parts stand for any.
struct KindSelector {
  std::string group;
  std::string version;
  std::string kind;

  bool matches(const Json& object) const;
};

struct FieldSpec {
  KindSelector of;
  std::string path;     // "spec/template/spec/containers/image"; lists are walked into.
  bool create = false;  // Maps on the way that are missing are made.
};

// Names of `of` stand in `fields` of other objects.
struct NameReference {
  KindSelector of;
  std::vector<FieldSpec> fields;
};

struct FieldSpecs {
  std::vector<FieldSpec> labels;
  std::vector<FieldSpec> template_labels;  // Of `labels`, those of templates alone.
  std::vector<FieldSpec> annotations;
  std::vector<FieldSpec> images;
  std::vector<FieldSpec> replicas;
  std::vector<FieldSpec> prefixes;
  std::vector<NameReference> names;
};

const FieldSpecs& default_field_specs();

// Calls `visit` with each value at `spec.path` in `object`; nothing where the kind differs.
void visit_fields(const FieldSpec& spec, Json& object, const std::function<void(Json&)>& visit);

std::string group_of(const Json& object);
std::string version_of(const Json& object);
std::string kind_of(const Json& object);
std::string name_of(const Json& object);
std::string namespace_of(const Json& object);  // "" if it says none.
bool is_cluster_scoped(const Json& object);    // Of the kinds that are known to be.

}  // namespace rage::kustomize
