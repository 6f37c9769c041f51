#include <algorithm>

#include "kustomize/detail/item.h"

namespace rage::kustomize {
namespace {

bool is_pod_list(const std::string& key) {
  return key == "containers" || key == "initContainers";
}

// Wherever containers stand, in kinds nobody described as well.
void visit_images(Json& node, const std::function<void(Json&)>& visit) {
  if (node.is_array()) {
    for (Json& item : node) visit_images(item, visit);
  }
  if (!node.is_object()) return;
  for (auto& [key, value] : node.items()) {
    if (is_pod_list(key) && value.is_array()) {
      for (Json& container : value) {
        if (!container.is_object()) continue;
        const auto image = container.find("image");
        if (image != container.end()) visit(*image);
      }
    } else {
      visit_images(value, visit);
    }
  }
}

struct ImageParts {
  std::string name, tag, digest;
};

ImageParts split_image(const std::string& image) {
  ImageParts parts{.name = image};
  if (const std::size_t at = parts.name.find('@'); at != std::string::npos) {
    parts.digest = parts.name.substr(at + 1);
    parts.name.resize(at);
  }
  const std::size_t slash = parts.name.rfind('/');
  const std::size_t colon = parts.name.find(':', slash == std::string::npos ? 0 : slash);
  if (colon != std::string::npos) {
    parts.tag = parts.name.substr(colon + 1);
    parts.name.resize(colon);
  }
  return parts;
}

void set_image(const ImageRule& rule, Json& value) {
  if (!value.is_string()) return;
  ImageParts parts = split_image(value.get<std::string>());
  if (parts.name != rule.name) return;
  if (!rule.new_name.empty()) parts.name = rule.new_name;
  if (!rule.new_tag.empty()) {
    parts.tag = rule.new_tag;
    parts.digest.clear();
  }
  if (!rule.digest.empty()) {
    parts.digest = rule.digest;
    if (rule.new_tag.empty()) parts.tag.clear();
  }
  if (!rule.tag_suffix.empty()) parts.tag += rule.tag_suffix;
  value = parts.name + (parts.tag.empty() ? "" : ":" + parts.tag) +
          (parts.digest.empty() ? "" : "@" + parts.digest);
}

void put_pairs(const Pairs& pairs, Json& map) {
  if (map.is_null()) map = Json::object();
  if (!map.is_object()) return;
  for (const auto& [key, value] : pairs) map[key] = value;
}

// Service accounts that bindings name live where the others do.
void move_subjects(const std::string& ns, Json& object) {
  const std::string kind = kind_of(object);
  if (kind != "RoleBinding" && kind != "ClusterRoleBinding") return;
  const auto subjects = object.find("subjects");
  if (subjects == object.end() || !subjects->is_array()) return;
  for (Json& subject : *subjects) {
    if (kind_of(subject) == "ServiceAccount" &&
        codec::string_or(subject, "name", "") == "default") {
      subject["namespace"] = ns;
    }
  }
}

}  // namespace

bool Item::was_called(const std::string& name) const {
  return name == name_of(object) || std::ranges::count(old_names, name) > 0;
}

void set_namespace(const std::string& ns, Items& items) {
  if (ns.empty()) return;
  for (Item& item : items) {
    move_subjects(ns, item.object);
    if (is_cluster_scoped(item.object)) continue;
    if (namespace_of(item.object) == ns) continue;
    item.remember();
    item.object["metadata"]["namespace"] = ns;
  }
}

void add_affixes(const Kustomization& rules, const FieldSpecs& specs, Items& items) {
  if (rules.name_prefix.empty() && rules.name_suffix.empty()) return;
  for (Item& item : items) {
    const std::string kind = kind_of(item.object);
    if (kind == "CustomResourceDefinition" || kind == "APIService" || kind == "Namespace") continue;
    item.remember();
    item.affixes.push_back(rules.name_prefix + "/" + rules.name_suffix);
    for (const FieldSpec& spec : specs.prefixes) {
      visit_fields(spec, item.object, [&](Json& name) {
        if (name.is_string()) {
          name = rules.name_prefix + name.get<std::string>() + rules.name_suffix;
        }
      });
    }
  }
}

void add_labels(const std::vector<LabelRule>& rules, const FieldSpecs& specs, Items& items) {
  for (const LabelRule& rule : rules) {
    std::vector<FieldSpec> fields = rule.fields;
    fields.push_back({{}, "metadata/labels", true});
    const auto add = [&](const std::vector<FieldSpec>& more) {
      fields.insert(fields.end(), more.begin(), more.end());
    };
    if (rule.in_selectors) add(specs.labels);
    if (rule.in_selectors || rule.in_templates) add(specs.template_labels);
    for (Item& item : items) {
      for (const FieldSpec& spec : fields) {
        visit_fields(spec, item.object, [&](Json& map) { put_pairs(rule.pairs, map); });
      }
    }
  }
}

void add_annotations(const Pairs& annotations, const FieldSpecs& specs, Items& items) {
  if (annotations.empty()) return;
  for (Item& item : items) {
    for (const FieldSpec& spec : specs.annotations) {
      visit_fields(spec, item.object, [&](Json& map) { put_pairs(annotations, map); });
    }
  }
}

Result<void> set_replicas(const std::vector<ReplicaRule>& rules, const FieldSpecs& specs,
                          Items& items) {
  for (const ReplicaRule& rule : rules) {
    bool found = false;
    for (Item& item : items) {
      if (!item.was_called(rule.name)) continue;
      for (const FieldSpec& spec : specs.replicas) {
        visit_fields(spec, item.object, [&](Json& count) {
          count = rule.count;
          found = true;
        });
      }
    }
    if (!found) {
      return fail(ErrorCode::kInvalidArgument, "replicas: nothing is called '{}'", rule.name);
    }
  }
  return {};
}

void set_images(const std::vector<ImageRule>& rules, const FieldSpecs& specs, Items& items) {
  for (const ImageRule& rule : rules) {
    for (Item& item : items) {
      const auto visit = [&](Json& image) { set_image(rule, image); };
      visit_images(item.object, visit);
      for (const FieldSpec& spec : specs.images) visit_fields(spec, item.object, visit);
    }
  }
}

}  // namespace rage::kustomize
