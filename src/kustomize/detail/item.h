// An object on its way through a build, with the names it had.
#pragma once

#include <string>
#include <vector>

#include "kustomize/detail/field_spec.h"
#include "kustomize/detail/kustomization.h"

namespace rage::kustomize {

struct Item {
  Json object;
  std::vector<std::string> old_names = {};       // Oldest first.
  std::vector<std::string> old_namespaces = {};  // Of the same times.
  std::vector<std::string> affixes = {};  // Prefixes and suffixes it got: tells like names apart.
  bool hash_wanted = false;

  // Before its name or namespace is changed.
  void remember() {
    old_names.push_back(name_of(object));
    old_namespaces.push_back(namespace_of(object));
  }
  std::string original_name() const {
    return old_names.empty() ? name_of(object) : old_names.front();
  }
  bool was_called(const std::string& name) const;
};
using Items = std::vector<Item>;

// transform.cc: what one kustomization does to all that it has, in kustomize's order.
void set_namespace(const std::string& ns, Items& items);
void add_affixes(const Kustomization& rules, const FieldSpecs& specs, Items& items);
void add_labels(const std::vector<LabelRule>& rules, const FieldSpecs& specs, Items& items);
void add_annotations(const Pairs& annotations, const FieldSpecs& specs, Items& items);
Result<void> set_replicas(const std::vector<ReplicaRule>& rules, const FieldSpecs& specs,
                          Items& items);
void set_images(const std::vector<ImageRule>& rules, const FieldSpecs& specs, Items& items);

// patch_rules.cc. `text` is the patch's, `where` stands in messages.
Result<void> apply_patch(const PatchRule& rule, const std::string& text, const std::string& where,
                         Items& items);

// generate.cc
using ReadFile = std::function<Result<std::string>(const std::string& relative)>;
Result<void> generate(const Generator& rule, const ReadFile& read, const std::string& where,
                      Items& items);

// references.cc: the hashes of generated names, then every reference follows the name it means.
void add_hashes(Items& items);
void fix_references(const FieldSpecs& specs, Items& items);

}  // namespace rage::kustomize
