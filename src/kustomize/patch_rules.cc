#include <re2/re2.h>

#include <algorithm>

#include "base/strings.h"
#include "codec/yaml.h"
#include "kubeobjects/patch.h"
#include "kubeobjects/resource.h"
#include "kubeobjects/selectors.h"
#include "kustomize/detail/item.h"

namespace rage::kustomize {
namespace {

bool matches(const std::string& pattern, const std::string& text) {
  return pattern.empty() || re2::RE2::FullMatch(text, pattern);
}

// `map` is "labels" or "annotations"; a selector looks at either alike.
Result<bool> is_selected(const std::string& selector, const Json& object, const char* map) {
  if (selector.empty()) return true;
  ASSIGN_OR_RETURN(auto requirements, kubeobjects::parse_label_selector(selector));
  Json looked_at = {{"metadata", {{"labels", Json::object()}}}};
  if (const Json* metadata = codec::find_key(object, "metadata")) {
    if (const Json* found = codec::find_key(*metadata, map)) {
      looked_at["metadata"]["labels"] = *found;
    }
  }
  return kubeobjects::Selector{.labels = std::move(requirements)}.matches(looked_at);
}

bool was_in(const Item& item, const std::string& pattern) {
  const auto name_fits = [&](const std::string& ns) {
    return matches(pattern, ns.empty() ? "default" : ns) || matches(pattern, ns);
  };
  return name_fits(namespace_of(item.object)) ||
         std::ranges::any_of(item.old_namespaces, name_fits);
}

Result<bool> is_target(const PatchTarget& target, const Item& item) {
  const Json& object = item.object;
  const auto named = [&](const std::string& name) { return matches(target.name, name); };
  if (!matches(target.group, group_of(object)) || !matches(target.version, version_of(object)) ||
      !matches(target.kind, kind_of(object)) || !was_in(item, target.ns) ||
      !(named(name_of(object)) || std::ranges::any_of(item.old_names, named))) {
    return false;
  }
  ASSIGN_OR_RETURN(const bool labelled, is_selected(target.label_selector, object, "labels"));
  if (!labelled) return false;
  return is_selected(target.annotation_selector, object, "annotations");
}

// The object a strategic merge patch names itself.
bool is_named_by(const Json& patch, const Item& item) {
  const std::string ns = namespace_of(patch);
  return kind_of(patch) == kind_of(item.object) && group_of(patch) == group_of(item.object) &&
         item.was_called(name_of(patch)) &&
         (ns == namespace_of(item.object) || std::ranges::count(item.old_namespaces, ns) > 0);
}

bool deletes(const Json& patch) {
  return codec::string_or(patch, "$patch", "") == "delete";
}

Result<void> merge(const Json& patch, bool may_rename, Item& item) {
  static const kubeobjects::Registry registry;
  const auto resource =
      registry.of_kind(group_of(item.object), version_of(item.object), kind_of(item.object));
  const std::string name = name_of(item.object);
  const std::string ns = namespace_of(item.object);
  ASSIGN_OR_RETURN(
      Json merged,
      kubeobjects::strategic_merge_patch(
          resource == nullptr ? kubeobjects::SchemaView() : resource->schema, item.object, patch));
  if (!may_rename) {
    merged["metadata"]["name"] = name;
    if (!ns.empty()) merged["metadata"]["namespace"] = ns;
  } else if (name_of(merged) != name) {
    item.remember();
  }
  if (!may_rename || kind_of(merged).empty()) merged["kind"] = kind_of(item.object);
  item.object = std::move(merged);
  return {};
}

Result<void> merge_into(const PatchRule& rule, const Json& patch, const std::string& where,
                        Items& items) {
  if (!rule.has_target && (kind_of(patch).empty() || name_of(patch).empty())) {
    return fail(ErrorCode::kInvalidArgument,
                "{}: a patch without target needs apiVersion, kind and metadata.name", where);
  }
  bool found = false;
  for (auto item = items.begin(); item != items.end();) {
    bool meant = is_named_by(patch, *item);
    if (rule.has_target) {
      ASSIGN_OR_RETURN(meant, is_target(rule.target, *item));
    }
    if (!meant) {
      ++item;
      continue;
    }
    found = true;
    if (deletes(patch)) {
      item = items.erase(item);
      continue;
    }
    RETURN_IF_ERROR(merge(patch, rule.may_rename, *item));
    ++item;
  }
  if (!found && !rule.has_target) {
    return fail(ErrorCode::kInvalidArgument, "{}: there is no {} '{}' to patch", where,
                kind_of(patch), name_of(patch));
  }
  return {};
}

Result<void> apply_operations(const PatchRule& rule, const Json& operations,
                              const std::string& where, Items& items) {
  if (!rule.has_target) {
    return fail(ErrorCode::kInvalidArgument, "{}: a JSON patch needs a target", where);
  }
  for (Item& item : items) {
    ASSIGN_OR_RETURN(const bool meant, is_target(rule.target, item));
    if (!meant) continue;
    auto patched = kubeobjects::json_patch(item.object, operations);
    if (!patched) return fail(std::move(patched).error().with_context(where));
    if (name_of(*patched) != name_of(item.object)) item.remember();
    item.object = *std::move(patched);
  }
  return {};
}

}  // namespace

Result<void> apply_patch(const PatchRule& rule, const std::string& text, const std::string& where,
                         Items& items) {
  auto parsed = codec::parse_yaml_stream(text);
  if (!parsed) return fail(std::move(parsed).error().with_context(where));
  for (const Json& patch : *parsed) {
    if (patch.is_array()) {
      RETURN_IF_ERROR(apply_operations(rule, patch, where, items));
    } else if (patch.is_object()) {
      RETURN_IF_ERROR(merge_into(rule, patch, where, items));
    } else {
      return fail(ErrorCode::kInvalidArgument, "{}: is no patch", where);
    }
  }
  return {};
}

}  // namespace rage::kustomize
