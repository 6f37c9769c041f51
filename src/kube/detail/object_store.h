// What an informer knows of the cluster, and which news are news. Pure: no threads, no clock.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kube/informer.h"
#include "kube/object.h"

namespace rage::kube::detail {

using Indexes = std::map<std::string, IndexFunction, std::less<>>;

// Resource versions are opaque but for equality, says the API; every server that exists counts, and
// since Kubernetes 1.35 they promise to. -1: a is older; 0: the same, or nobody can tell.
int compare_versions(std::string_view a, std::string_view b);

// Value. Thread-compatible.
class ObjectStore final {
 public:
  explicit ObjectStore(Indexes indexes) : index_functions_(std::move(indexes)) {}

  // One event of a watch; changes are empty if it is stale or told before.
  std::vector<Change> apply(WatchEventType type, const ObjectPtr& object);
  // All there is at `resource_version`: what is not in it has vanished.
  std::vector<Change> replace(std::map<ObjectKey, ObjectPtr> objects,
                              const std::string& resource_version);
  // What we wrote ourselves. The watch will tell handlers; `updates_only`: unless we know an object
  // of that name, it may be none of ours.
  void remember(const ObjectPtr& object, bool updates_only);

  ObjectPtr find(const ObjectKey& key) const;
  std::vector<ObjectPtr> list(std::string_view ns) const;
  std::vector<ObjectPtr> by_index(std::string_view index, std::string_view value) const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    ObjectPtr current;
    ObjectPtr told;  // What handlers heard of last; null: nothing.
  };
  using Entries = std::map<ObjectKey, Entry>;

  std::vector<Change> upsert(const ObjectPtr& object);
  std::vector<Change> erase(Entries::iterator it, ObjectPtr last);
  void set_current(const ObjectKey& key, Entry& entry, ObjectPtr object);
  void index(const ObjectKey& key, const Object& object, bool present);
  void bury(const ObjectKey& key, const std::string& version);
  bool is_buried(const Object& object) const;

  const Indexes index_functions_;
  Entries entries_;
  std::map<std::string, std::map<std::string, std::set<ObjectKey>, std::less<>>, std::less<>>
      indexed_;
  // When what is gone went: news of it from before that are none.
  std::map<ObjectKey, std::string> graves_;
  std::deque<ObjectKey> graves_by_age_;
  std::string listed_version_;
};

}  // namespace rage::kube::detail
