#include "kube/detail/object_store.h"

#include <utility>

#include "base/strings.h"

namespace rage::kube::detail {
namespace {
constexpr std::size_t kGravesMax = 4096;
}  // namespace

int compare_versions(std::string_view a, std::string_view b) {
  const auto left = parse_uint(a);
  const auto right = parse_uint(b);
  if (!left || !right || *left == *right) return 0;
  return *left < *right ? -1 : 1;
}

std::vector<Change> ObjectStore::apply(WatchEventType type, const ObjectPtr& object) {
  const auto it = entries_.find(object->meta().key());
  if (type != WatchEventType::kDeleted) return upsert(object);
  const ObjectMeta& gone = object->meta();
  if (it == entries_.end()) {
    bury(gone.key(), gone.resource_version);
    return {};
  }
  const ObjectMeta& known = it->second.current->meta();
  // The end of one that had the same name before.
  if (known.uid != gone.uid &&
      compare_versions(gone.resource_version, known.resource_version) < 0) {
    return {};
  }
  return erase(it, object);
}

std::vector<Change> ObjectStore::upsert(const ObjectPtr& object) {
  const ObjectMeta& meta = object->meta();
  const ObjectKey key = meta.key();
  const auto it = entries_.find(key);
  if (it == entries_.end()) {
    if (is_buried(*object)) return {};
    Entry& entry = entries_[key];
    set_current(key, entry, object);
    entry.told = object;
    return {{.before = nullptr, .after = object}};
  }
  Entry& entry = it->second;
  const ObjectMeta& known = entry.current->meta();
  if (meta.resource_version == known.resource_version && meta.uid == known.uid) {
    // The same again, or what we remembered ourselves and nobody was told of.
    if (entry.told == entry.current) return {};
    return {{.before = std::exchange(entry.told, entry.current), .after = entry.current}};
  }
  if (compare_versions(meta.resource_version, known.resource_version) < 0) return {};
  std::vector<Change> changes;
  if (meta.uid != known.uid) {  // Its deletion passed us by.
    changes = erase(it, entry.current);
    const auto added = upsert(object);
    changes.insert(changes.end(), added.begin(), added.end());
    return changes;
  }
  set_current(key, entry, object);
  return {{.before = std::exchange(entry.told, object), .after = object}};
}

std::vector<Change> ObjectStore::erase(Entries::iterator it, ObjectPtr last) {
  const Entry entry = std::move(it->second);
  const ObjectKey key = it->first;
  index(key, *entry.current, false);
  entries_.erase(it);
  bury(key, last->meta().resource_version);
  // Even of what handlers never heard: whoever counts on it must learn that it is gone.
  return {{.before = entry.current, .after = nullptr}};
}

std::vector<Change> ObjectStore::replace(std::map<ObjectKey, ObjectPtr> objects,
                                         const std::string& resource_version) {
  std::vector<Change> changes;
  const auto add = [&](std::vector<Change> more) {
    changes.insert(changes.end(), std::make_move_iterator(more.begin()),
                   std::make_move_iterator(more.end()));
  };
  // The cluster's database was restored: versions start anew, and nothing we know is newer.
  const bool rewound = compare_versions(resource_version, listed_version_) < 0;
  listed_version_ = resource_version;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto next = std::next(it);
    const ObjectKey key = it->first;
    const auto& known = it->second.current->meta().resource_version;
    const bool newer = compare_versions(known, resource_version) > 0;
    if (rewound || (!objects.contains(key) && !newer)) {
      add(erase(it, it->second.current));
      // It went some time before the list: that is what later news must be newer than.
      bury(key, resource_version);
    }
    it = next;
  }
  if (rewound) {
    graves_.clear();
    graves_by_age_.clear();
  }
  for (const auto& [key, object] : objects) add(upsert(object));
  return changes;
}

void ObjectStore::remember(const ObjectPtr& object, bool updates_only) {
  const ObjectMeta& meta = object->meta();
  const ObjectKey key = meta.key();
  const auto it = entries_.find(key);
  if (it == entries_.end()) {
    // What the list should have shown and did not is gone already.
    const bool listed = compare_versions(meta.resource_version, listed_version_) < 0;
    if (updates_only || listed || is_buried(*object)) return;
    set_current(key, entries_[key], object);
    return;
  }
  Entry& entry = it->second;
  // Another of the same name is for the watch to tell: it knows what became of the one before.
  if (meta.uid != entry.current->meta().uid) return;
  if (compare_versions(meta.resource_version, entry.current->meta().resource_version) > 0) {
    set_current(key, entry, object);
  }
}

ObjectPtr ObjectStore::find(const ObjectKey& key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : it->second.current;
}

std::vector<ObjectPtr> ObjectStore::list(std::string_view ns) const {
  std::vector<ObjectPtr> objects;
  if (ns.empty()) objects.reserve(entries_.size());
  // Keys sort by namespace first.
  auto it =
      ns.empty() ? entries_.begin() : entries_.lower_bound({.ns = std::string(ns), .name = ""});
  for (; it != entries_.end() && (ns.empty() || it->first.ns == ns); ++it) {
    objects.push_back(it->second.current);
  }
  return objects;
}

std::vector<ObjectPtr> ObjectStore::by_index(std::string_view index, std::string_view value) const {
  std::vector<ObjectPtr> objects;
  const auto values = indexed_.find(index);
  if (values == indexed_.end()) return objects;
  const auto keys = values->second.find(value);
  if (keys == values->second.end()) return objects;
  for (const ObjectKey& key : keys->second) objects.push_back(entries_.at(key).current);
  return objects;
}

void ObjectStore::set_current(const ObjectKey& key, Entry& entry, ObjectPtr object) {
  if (entry.current) index(key, *entry.current, false);
  entry.current = std::move(object);
  index(key, *entry.current, true);
}

void ObjectStore::index(const ObjectKey& key, const Object& object, bool present) {
  for (const auto& [name, values_of] : index_functions_) {
    auto& values = indexed_[name];
    for (const std::string& value : values_of(object)) {
      if (present) {
        values[value].insert(key);
      } else if (const auto it = values.find(value); it != values.end()) {
        it->second.erase(key);
        if (it->second.empty()) values.erase(it);
      }
    }
  }
}

void ObjectStore::bury(const ObjectKey& key, const std::string& version) {
  const auto [it, added] = graves_.try_emplace(key, version);
  if (!added) {
    if (compare_versions(version, it->second) > 0) it->second = version;
    return;
  }
  graves_by_age_.push_back(key);
  if (graves_by_age_.size() <= kGravesMax) return;
  graves_.erase(graves_by_age_.front());
  graves_by_age_.pop_front();
}

bool ObjectStore::is_buried(const Object& object) const {
  const auto it = graves_.find(object.meta().key());
  if (it == graves_.end()) return false;
  const std::string& version = object.meta().resource_version;
  return version == it->second || compare_versions(version, it->second) < 0;
}

}  // namespace rage::kube::detail
