// A kustomization.yaml, read: what it asks for, or why it cannot be done.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kustomize/detail/field_spec.h"

namespace rage::kustomize {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct GeneratorOptions {
  Pairs labels;
  Pairs annotations;
  bool hash_wanted = true;
  bool immutable = false;
};

// One entry of configMapGenerator or secretGenerator.
struct Generator {
  bool secret = false;
  std::string name;
  std::string ns;
  std::string type;                 // Of a secret.
  std::string behavior = "create";  // create, replace, merge
  std::vector<std::string> files;   // "[KEY=]PATH"
  std::vector<std::string> env_files;
  std::vector<std::string> literals;  // "KEY=VALUE"
  GeneratorOptions options;
};

struct LabelRule {
  Pairs pairs;
  bool in_selectors = false;
  bool in_templates = false;
  std::vector<FieldSpec> fields;  // Beside the usual ones.
};

// Regular expressions, anchored; empty: any.
struct PatchTarget {
  std::string group, version, kind, name, ns, label_selector, annotation_selector;
};

struct PatchRule {
  std::string text;  // Inline, else
  std::string path;  // a file.
  bool has_target = false;
  PatchTarget target;
  bool may_rename = false;
};

struct ImageRule {
  std::string name, new_name, new_tag, digest, tag_suffix;
};

struct ReplicaRule {
  std::string name;
  std::int64_t count = 0;
};

struct Kustomization {
  bool component = false;
  std::vector<std::string> resources;
  std::vector<std::string> components;
  std::vector<Generator> generators;
  std::string ns, name_prefix, name_suffix;
  std::vector<LabelRule> labels;
  Pairs annotations;
  std::vector<PatchRule> patches;  // In the order in which kustomize applies them.
  std::vector<ImageRule> images;
  std::vector<ReplicaRule> replicas;
  std::vector<std::string> configurations;
};

// `file` stands in messages.
Result<Kustomization> read_kustomization(const Json& document, std::string_view file);

// One file of `configurations`, added to `specs`.
Result<void> add_configuration(const Json& document, std::string_view file, FieldSpecs& specs);

}  // namespace rage::kustomize
