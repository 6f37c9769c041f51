#include "inspect/world.h"

#include <algorithm>
#include <tuple>

#include "base/strings.h"

namespace rage::inspect {
namespace {

constexpr std::size_t kOwnersDepthMax = 16;

std::string label_of(const Json& object, std::string_view key) {
  return text_at(object, {"metadata", "labels", key});
}

// Where the original sets no owner reference.
bool is_child_by_label(const Json& parent, const Json& object) {
  const std::string kind = kind_of(object);
  const std::string name = text_at(parent, {"metadata", "name"});
  const std::string ns = text_at(parent, {"metadata", "namespace"});
  const std::string parent_kind = kind_of(parent);
  if (parent_kind == "Workspace") {
    if (kind == "NodeClaim") {
      return (label_of(object, "kaito.sh/workspace") == name &&
              label_of(object, "kaito.sh/workspacenamespace") == ns) ||
             (label_of(object, "karpenter.kaito.sh/workspace-name") == name &&
              label_of(object, "karpenter.kaito.sh/workspace-namespace") == ns);
    }
    return kind == "PersistentVolumeClaim" && label_of(object, "kaito.sh/workspace") == name &&
           text_at(object, {"metadata", "namespace"}) == ns;
  }
  if (parent_kind == "RAGEngine") {
    return kind == "NodeClaim" && label_of(object, "kaito.sh/ragengine") == name &&
           label_of(object, "kaito.sh/ragenginenamespace") == ns;
  }
  return parent_kind == "ModelMirror" && label_of(object, "kaito.sh/model-mirror-name") == name;
}

bool is_owned_by(const Json& object, const std::string& uid) {
  for (const Json& owner : list_at(object, {"metadata", "ownerReferences"})) {
    if (text_at(owner, {"uid"}) == uid) return true;
  }
  return false;
}

}  // namespace

const std::vector<Json>& World::of(std::string_view kind) const {
  static const std::vector<Json> kNone;
  const auto found = documents.find(kind);
  return found == documents.end() ? kNone : found->second;
}

const Json* World::find(std::string_view kind, const ObjectKey& key) const {
  for (const Json& object : of(kind)) {
    if (text_at(object, {"metadata", "name"}) == key.name &&
        text_at(object, {"metadata", "namespace"}) == key.ns) {
      return &object;
    }
  }
  return nullptr;
}

std::optional<bool> World::exists(std::string_view kind, const ObjectKey& key) const {
  for (const auto& [reference, keys] : named) {
    if (reference.kind == kind && reference.key == key) return keys.has_value();
  }
  if (!documents.contains(kind)) return std::nullopt;
  return find(kind, key) != nullptr;
}

std::vector<const Json*> World::children_of(const Json& object) const {
  std::vector<const Json*> children;
  const std::string uid = text_at(object, {"metadata", "uid"});
  for (const auto& [kind, list] : documents) {
    if (kind == "Event") continue;
    for (const Json& other : list) {
      if (&other == &object) continue;
      const bool owned = !uid.empty() && is_owned_by(other, uid);
      if (owned || is_child_by_label(object, other)) children.push_back(&other);
    }
  }
  std::ranges::sort(children, {}, [](const Json* child) {
    return std::tuple(kind_of(*child), text_at(*child, {"metadata", "namespace"}),
                      text_at(*child, {"metadata", "name"}));
  });
  return children;
}

std::vector<const Json*> World::family_of(const Json& object) const {
  std::vector<const Json*> family{&object};
  std::set<const Json*> seen{&object};
  std::size_t level_end = 1;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < family.size() && depth < kOwnersDepthMax; ++i) {
    for (const Json* child : children_of(*family[i])) {
      if (seen.insert(child).second) family.push_back(child);
    }
    if (i + 1 == level_end) {
      level_end = family.size();
      ++depth;
    }
  }
  return family;
}

std::vector<const Json*> World::pods_of(const Json& object) const {
  std::vector<const Json*> pods = family_of(object);
  std::erase_if(pods, [](const Json* member) { return kind_of(*member) != "Pod"; });
  std::ranges::sort(pods, {}, [](const Json* pod) {
    return std::pair(text_at(*pod, {"metadata", "namespace"}), text_at(*pod, {"metadata", "name"}));
  });
  return pods;
}

std::vector<const Json*> World::events_of(const Json& object) const {
  std::vector<const Json*> events;
  const std::string uid = text_at(object, {"metadata", "uid"});
  for (const Json& event : of("Event")) {
    const Json& about = map_at(event, {"involvedObject"});
    // A node's events carry its name for a UID.
    const bool same_name =
        text_at(about, {"kind"}) == kind_of(object) &&
        text_at(about, {"name"}) == text_at(object, {"metadata", "name"}) &&
        text_at(about, {"namespace"}) == text_at(object, {"metadata", "namespace"});
    const std::string about_uid = text_at(about, {"uid"});
    if (about_uid == uid || (same_name && about_uid.empty())) events.push_back(&event);
  }
  sort_events(events);
  return events;
}

void sort_events(std::vector<const Json*>& events) {
  // Those of one second stay in the server's order, which is that of their list.
  std::ranges::sort(events, {},
                    [](const Json* event) { return std::pair(time_of_event(*event), event); });
}

std::string time_of_event(const Json& event) {
  for (const Path path : {Path{"series", "lastObservedTime"}, Path{"lastTimestamp"},
                          Path{"eventTime"}, Path{"metadata", "creationTimestamp"}}) {
    if (std::string time = text_at(event, path); !time.empty()) return time;
  }
  return "";
}

int count_of_event(const Json& event) {
  return std::max({1, int_at(event, {"count"}), int_at(event, {"series", "count"})});
}

bool has_labels(const Json& object, const apis::StringMap& wanted) {
  return !wanted.empty() && std::ranges::all_of(wanted, [&](const auto& label) {
    return label_of(object, label.first) == label.second;
  });
}

}  // namespace rage::inspect
