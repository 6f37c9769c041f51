#include "cluster/janitor.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "apis/meta.h"
#include "cluster/detail/builtin_fields.h"
#include "inspect/time.h"
#include "kubeobjects/writes.h"
#include "obs/log.h"

namespace rage::cluster {
namespace {

namespace ko = kubeobjects;

constexpr const char* kForeground = "foregroundDeletion";
constexpr const char* kOrphan = "orphan";
constexpr const char* kNamespaces = "/namespaces";
constexpr const char* kCrds = "apiextensions.k8s.io/customresourcedefinitions";

struct Owner {
  std::string uid;
  bool blocks = false;  // blockOwnerDeletion
};

// What the janitor must know of an object.
struct Entry {
  std::string uid;
  std::vector<Owner> owners;
  std::vector<std::string> finalizers;
  bool deleting = false;
  std::string instances;  // Of a CRD: the kind's storage key.

  bool has_finalizer(std::string_view name) const {
    return std::ranges::count(finalizers, name) > 0;
  }
};

Entry entry_of(const StoredObject& stored) {
  const Json object = stored.parse();
  const apis::ObjectMeta meta = apis::parse_meta(object);
  Entry entry{.uid = meta.uid,
              .owners = {},
              .finalizers = meta.finalizers,
              .deleting = meta.deleting,
              .instances = {}};
  const Json* owners = codec::find_key(object["metadata"], "ownerReferences");
  for (const Json& owner : owners != nullptr ? *owners : Json::array()) {
    const Json* blocks = codec::find_key(owner, "blockOwnerDeletion");
    entry.owners.push_back({.uid = codec::string_or(owner, "uid", ""),
                            .blocks = blocks != nullptr && *blocks == true});
  }
  if (stored.id.resource == kCrds) {
    const Json& spec = object["spec"];
    entry.instances =
        codec::string_or(spec, "group", "") + "/" + codec::string_or(spec["names"], "plural", "");
  }
  return entry;
}

bool drop_finalizer(Json& object, std::string_view finalizer) {
  Json& metadata = object["metadata"];
  if (!metadata.contains("finalizers")) return false;
  Json kept = Json::array();
  for (const Json& each : metadata["finalizers"]) {
    if (each != finalizer) kept.push_back(each);
  }
  if (kept.size() == metadata["finalizers"].size()) return false;
  if (kept.empty()) {
    metadata.erase("finalizers");
  } else {
    metadata["finalizers"] = std::move(kept);
  }
  return true;
}

bool drop_owners(Json& object, const std::set<std::string>& uids) {
  Json& metadata = object["metadata"];
  if (!metadata.contains("ownerReferences")) return false;
  Json kept = Json::array();
  for (const Json& owner : metadata["ownerReferences"]) {
    if (!uids.contains(codec::string_or(owner, "uid", ""))) kept.push_back(owner);
  }
  if (kept.size() == metadata["ownerReferences"].size()) return false;
  if (kept.empty()) {
    metadata.erase("ownerReferences");
  } else {
    metadata["ownerReferences"] = std::move(kept);
  }
  return true;
}

}  // namespace

// One thread. Who owns whom, kept up by the store's events, and who must be looked at.
class Janitor::Index final {
 public:
  explicit Index(Objects& objects) : objects_(objects) {}

  void rebuild() {
    entries_.clear();
    by_uid_.clear();
    dependents_.clear();
    for (const StoredPtr& stored : objects_.store().all()) {
      insert(*stored);
      dirty_.insert(stored->id);
    }
  }

  void take(const StoreEvent& event) {
    const ObjectId& id = event.after->id;
    if (const auto it = entries_.find(id); it != entries_.end()) erase(it);
    if (!event.removed) {
      insert(*event.after);
      dirty_.insert(id);
      return;
    }
    // Its dependents have no owner now; its owners and its namespace may have waited for it.
    const Entry gone = entry_of(*event.after);
    for (const ObjectId& dependent : dependents_[gone.uid]) dirty_.insert(dependent);
    for (const Owner& owner : gone.owners) {
      const auto it = by_uid_.find(owner.uid);
      if (it != by_uid_.end()) dirty_.insert(it->second);
    }
    if (!id.ns.empty()) dirty_.insert({.resource = kNamespaces, .ns = "", .name = id.ns});
    for (const auto& [crd, entry] : entries_) {
      if (entry.deleting && entry.instances == id.resource) dirty_.insert(crd);
    }
  }

  void work() {
    std::set<ObjectId> batch = std::exchange(dirty_, {});
    for (const ObjectId& id : batch) {
      const auto it = entries_.find(id);
      if (it == entries_.end()) continue;
      const Entry entry = it->second;
      look_at(id, entry);
    }
  }

 private:
  using Entries = std::map<ObjectId, Entry>;

  void insert(const StoredObject& stored) {
    Entry entry = entry_of(stored);
    by_uid_[entry.uid] = stored.id;
    for (const Owner& owner : entry.owners) dependents_[owner.uid].insert(stored.id);
    entries_[stored.id] = std::move(entry);
  }

  void erase(Entries::iterator it) {
    by_uid_.erase(it->second.uid);
    for (const Owner& owner : it->second.owners) {
      const auto found = dependents_.find(owner.uid);
      if (found == dependents_.end()) continue;
      found->second.erase(it->first);
      if (found->second.empty()) dependents_.erase(found);
    }
    entries_.erase(it);
  }

  void look_at(const ObjectId& id, const Entry& entry) {
    if (entry.deleting) {
      if (entry.has_finalizer(kOrphan)) return orphan(id, entry);
      if (entry.has_finalizer(kForeground)) return delete_foreground(id, entry);
    }
    if (!entry.owners.empty()) collect(id, entry);
    if (id.resource == kNamespaces) tend_namespace(id, entry);
    if (id.resource == kCrds && entry.deleting) empty_kind(id, entry);
  }

  // Nobody owns it any more: it goes. Some owners are gone: their references go.
  void collect(const ObjectId& id, const Entry& entry) {
    std::set<std::string> absent;
    for (const Owner& owner : entry.owners) {
      if (!by_uid_.contains(owner.uid)) absent.insert(owner.uid);
    }
    if (absent.empty()) return;
    const bool all = std::ranges::all_of(
        entry.owners, [&](const Owner& owner) { return absent.contains(owner.uid); });
    if (all) {
      if (!entry.deleting) remove(id, entry.uid, ko::Propagation::kBackground);
    } else {
      amend(id, [&](Json& object) { return drop_owners(object, absent); });
    }
  }

  void orphan(const ObjectId& id, const Entry& entry) {
    for (const ObjectId& dependent : dependents_of(entry.uid)) {
      amend(dependent, [&](Json& object) { return drop_owners(object, {entry.uid}); });
    }
    amend(id, [](Json& object) { return drop_finalizer(object, kOrphan); });
  }

  void delete_foreground(const ObjectId& id, const Entry& entry) {
    bool blocked = false;
    for (const ObjectId& dependent : dependents_of(entry.uid)) {
      const auto it = entries_.find(dependent);
      if (it == entries_.end()) continue;
      const Entry held = it->second;
      blocked = blocked || std::ranges::any_of(held.owners, [&](const Owner& owner) {
                  return owner.uid == entry.uid && owner.blocks;
                });
      if (!held.deleting) remove(dependent, held.uid, ko::Propagation::kForeground);
    }
    if (!blocked) amend(id, [](Json& object) { return drop_finalizer(object, kForeground); });
  }

  void tend_namespace(const ObjectId& id, const Entry& entry) {
    if (!entry.deleting) {
      ensure_service_account(id.name);
      return;
    }
    bool empty = true;
    for (const auto& [each, held] : Entries(entries_)) {
      if (each.ns != id.name) continue;
      empty = false;
      if (!held.deleting) remove(each, held.uid, ko::Propagation::kBackground);
    }
    if (!empty) return;  // The last one that goes brings us here again.
    amend(id, [](Json& object) {
      object["spec"].erase("finalizers");
      return true;
    });
  }

  void empty_kind(const ObjectId& id, const Entry& entry) {
    bool empty = true;
    for (const auto& [each, held] : Entries(entries_)) {
      if (each.resource != entry.instances) continue;
      empty = false;
      if (!held.deleting) remove(each, held.uid, ko::Propagation::kBackground);
    }
    if (empty) {
      amend(id, [](Json& object) { return drop_finalizer(object, detail::kInstancesFinalizer); });
    }
  }

  void ensure_service_account(const std::string& ns) {
    if (entries_.contains({.resource = "/serviceaccounts", .ns = ns, .name = "default"})) return;
    Json body = Json::object();
    body["metadata"] = Json::object();
    body["metadata"]["name"] = "default";
    const ResourcePtr resource = objects_.registry()->find("", "v1", "serviceaccounts");
    report("making a service account",
           objects_.create({.resource = resource, .ns = ns}, {.manager = "rage"}, std::move(body)));
  }

  std::set<ObjectId> dependents_of(const std::string& uid) const {
    const auto it = dependents_.find(uid);
    return it == dependents_.end() ? std::set<ObjectId>() : it->second;
  }

  void remove(const ObjectId& id, const std::string& uid, ko::Propagation propagation) {
    const ResourcePtr resource = objects_.registry()->of_storage_key(id.resource);
    if (!resource) return;
    report("collecting",
           objects_.remove({.resource = resource, .ns = id.ns, .name = id.name},
                           {.manager = "rage"}, {.propagation = propagation, .uid = uid}));
  }

  void amend(const ObjectId& id, const std::function<bool(Json& object)>& change) {
    if (auto done = objects_.amend(id, change); !done) {
      obs::log().warn("tending an object failed",
                      {{"object", id.name}, {"error", done.error().message}});
    }
  }

  // Gone or changed meanwhile: the next event tells.
  static void report(std::string_view what, const Result<ObjectReply>& done) {
    if (done) return;
    const ErrorCode code = done.error().code;
    const bool expected = code == ErrorCode::kNotFound || code == ErrorCode::kFailedPrecondition ||
                          code == ErrorCode::kAlreadyExists || code == ErrorCode::kPermissionDenied;
    if (!expected) obs::log().warn(what, {{"error", done.error().message}});
  }

  Objects& objects_;
  Entries entries_;
  std::map<std::string, ObjectId> by_uid_;
  std::map<std::string, std::set<ObjectId>> dependents_;  // By the owner's uid.
  std::set<ObjectId> dirty_;
};

namespace {

void drop_old_events(Objects& objects, Clock& clock, std::chrono::seconds lifetime) {
  const ResourcePtr events = objects.registry()->find("", "v1", "events");
  for (const StoredPtr& stored : objects.store().list("/events", "").items) {
    const Json object = stored->parse();
    std::string last = codec::string_or(object, "lastTimestamp", "");
    if (last.empty()) last = codec::string_or(object, "eventTime", "");
    if (last.empty()) last = apis::parse_meta(object).creation_timestamp;
    const auto time = inspect::parse_time(last);
    if (time && clock.wall_now() - *time < lifetime) continue;
    (void)objects.remove({.resource = events, .ns = stored->id.ns, .name = stored->id.name}, {},
                         {});
  }
}

}  // namespace

Janitor::Janitor(Objects& objects, Clock& clock, const JanitorOptions& options)
    : objects_(objects),
      clock_(clock),
      options_(options),
      worker_([this](const std::stop_token& stop) { run(stop); }) {}

Janitor::~Janitor() = default;

void Janitor::run(const std::stop_token& stop) {
  Index index(objects_);
  std::int64_t seen = objects_.store().version();
  index.rebuild();
  index.work();
  auto next_sweep = std::chrono::steady_clock::now() + options_.sweep_interval;
  while (!stop.stop_requested()) {
    const Context context{.deadline = next_sweep, .stop = stop};
    auto events = objects_.store().events_after(context, "", seen, seen);
    if (stop.stop_requested()) return;
    if (!events) {  // Too many at once: from the start.
      seen = objects_.store().version();
      index.rebuild();
    } else {
      for (const StoreEvent& event : *events) index.take(event);
    }
    index.work();
    if (std::chrono::steady_clock::now() < next_sweep) continue;
    drop_old_events(objects_, clock_, options_.event_lifetime);
    next_sweep = std::chrono::steady_clock::now() + options_.sweep_interval;
  }
}

}  // namespace rage::cluster
