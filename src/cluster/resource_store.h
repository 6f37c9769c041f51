// Objects of an API server in one SQLite file: one table, one version for all of it that only
// grows. An acknowledged write survives `kill -9`. What changed lately is kept in memory for
// watchers. Formats: docs/formats/cluster-store.md.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "codec/json.h"
#include "store/database.h"

namespace rage::cluster {

using codec::Json;

struct ObjectId {
  std::string resource;  // "apps/deployments"
  std::string ns;        // Empty for cluster-scoped kinds.
  std::string name;

  auto operator<=>(const ObjectId&) const = default;
};

// Value, immutable. Thread-safe. One object as it is stored, in its storage version.
struct StoredObject {
  ObjectId id;
  std::int64_t version = 0;  // What metadata.resourceVersion says.
  std::string text;          // Compact JSON.

  Json parse() const;
};
using StoredPtr = std::shared_ptr<const StoredObject>;

// `before` is null when it was added; `after` is always there: the last state, when it was removed.
struct StoreEvent {
  std::int64_t version = 0;
  StoredPtr before;
  StoredPtr after;
  bool removed = false;
};

struct StoreOptions {
  std::size_t history_max = 16'384;  // Events kept for watchers.
  std::size_t history_bytes_max = std::size_t{64} << 20;
  std::size_t object_bytes_max = std::size_t{3} << 19;  // 1.5 MiB, as etcd.
  std::size_t objects_max = 200'000;
};

// What a writer wants done with the object it was shown.
struct StoreDecision {
  enum class Action { kNone, kPut, kRemove };
  Action action = Action::kNone;
  Json object;  // kPut: its new state. kRemove: its last state.
};

struct StorePage {
  std::vector<StoredPtr> items;
  std::int64_t version = 0;   // Of the whole store when the page was read.
  std::size_t remaining = 0;  // After the last one of `items`.
};

// Resource. Thread-safe. Readers never wait for the disk.
class ResourceStore final {
 public:
  // kFailedPrecondition if another process has it; kDataLoss if the file is no such store.
  static Result<std::unique_ptr<ResourceStore>> open(const std::filesystem::path& file,
                                                     const StoreOptions& options = {});
  ~ResourceStore();

  std::int64_t version() const;
  StoredPtr find(const ObjectId& id) const;  // Null if absent.
  // In the order of namespace and name, those after `after` (both empty: from the start); `limit` 0
  // is all. An empty namespace is every namespace.
  StorePage list(std::string_view resource, std::string_view ns, const ObjectId& after = {},
                 std::size_t limit = 0) const;
  // Every object, in no order that means anything.
  std::vector<StoredPtr> all() const;

  // Shows the object (null: there is none) to `decide` and does what it says, as one step that no
  // other write comes between. Sets metadata.resourceVersion. Returns what is there now, or what
  // was removed; null if nothing was there and nothing was done. `decide` must not call the store's
  // writes. kResourceExhausted: too large, or too many.
  Result<StoredPtr> write(
      const ObjectId& id,
      const std::function<Result<StoreDecision>(const StoredPtr& live)>& decide);

  // Events of one kind (empty: all) after `version`, oldest first, at most 1,000: waits until there
  // are some, or the store's version passes `version` by itself, or `context` ends (then none).
  // `seen` becomes the version up to which nothing was left out. kFailedPrecondition: they are
  // forgotten.
  Result<std::vector<StoreEvent>> events_after(const Context& context, std::string_view resource,
                                               std::int64_t version, std::int64_t& seen) const;
  // Waits for any write after `version`; false if `context` ended first.
  bool wait_for_change(const Context& context, std::int64_t version) const;
  // Whether all that happened after `version` is still known.
  bool remembers(std::int64_t version) const;

 private:
  struct Disk;
  ResourceStore(std::unique_ptr<Disk> disk, const StoreOptions& options);
  Result<void> load();
  Result<StoredPtr> commit(const ObjectId& id, const StoredPtr& live, StoreDecision decision);
  void publish(const ObjectId& id, StoreEvent event);

  const StoreOptions options_;
  Mutex writing_;  // Held from the decision until the commit is published.
  const std::unique_ptr<Disk> disk_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::map<std::string, std::map<std::pair<std::string, std::string>, StoredPtr>, std::less<>>
      objects_ GUARDED_BY(mutex_);
  std::size_t count_ GUARDED_BY(mutex_) = 0;
  std::int64_t version_ GUARDED_BY(mutex_) = 1;
  std::int64_t forgotten_ GUARDED_BY(mutex_) = 1;  // Events up to here are not in the history.
  std::deque<StoreEvent> history_ GUARDED_BY(mutex_);
  std::size_t history_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace rage::cluster
