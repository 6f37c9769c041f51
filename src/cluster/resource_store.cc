#include "cluster/resource_store.h"

#include <algorithm>
#include <utility>

#include "base/files.h"
#include "kubeobjects/status.h"

namespace rage::cluster {
namespace {

constexpr std::size_t kEventsAtOnce = 1000;
constexpr std::int64_t kFormat = 1;

constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS objects ("
    "  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,"
    "  version INTEGER NOT NULL, document TEXT NOT NULL,"
    "  PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO facts VALUES ('format', 1), ('version', 1);";

std::size_t bytes_of(const StoreEvent& event) {
  return event.after->text.size();
}

}  // namespace

struct ResourceStore::Disk {
  std::unique_ptr<FileLock> lock;  // One process at a time: versions are counted in memory.
  std::unique_ptr<store::Database> database;

  Result<void> put(const StoredObject& object) {
    ASSIGN_OR_RETURN(const auto transaction, store::Transaction::begin(*database));
    ASSIGN_OR_RETURN(auto insert, database->prepare("INSERT OR REPLACE INTO objects VALUES "
                                                    "(?1, ?2, ?3, ?4, ?5)"));
    insert.bind(1, object.id.resource).bind(2, object.id.ns).bind(3, object.id.name);
    RETURN_IF_ERROR(insert.bind(4, object.version).bind(5, object.text).run());
    RETURN_IF_ERROR(count(object.version));
    return transaction->commit();
  }

  Result<void> remove(const StoredObject& object) {
    ASSIGN_OR_RETURN(const auto transaction, store::Transaction::begin(*database));
    ASSIGN_OR_RETURN(auto erase, database->prepare("DELETE FROM objects WHERE resource = ?1 AND "
                                                   "namespace = ?2 AND name = ?3"));
    erase.bind(1, object.id.resource).bind(2, object.id.ns).bind(3, object.id.name);
    RETURN_IF_ERROR(erase.run());
    RETURN_IF_ERROR(count(object.version));
    return transaction->commit();
  }

 private:
  Result<void> count(std::int64_t version) {
    ASSIGN_OR_RETURN(auto update,
                     database->prepare("UPDATE facts SET value = ?1 WHERE key = 'version'"));
    return update.bind(1, version).run();
  }
};

Json StoredObject::parse() const {
  auto parsed = codec::parse_json(text);
  return parsed ? *std::move(parsed) : Json::object();
}

ResourceStore::ResourceStore(std::unique_ptr<Disk> disk, const StoreOptions& options)
    : options_(options), disk_(std::move(disk)) {}

ResourceStore::~ResourceStore() = default;

Result<std::unique_ptr<ResourceStore>> ResourceStore::open(const std::filesystem::path& file,
                                                           const StoreOptions& options) {
  auto disk = std::make_unique<Disk>();
  auto lock = FileLock::try_acquire(file.string() + ".lock");
  if (!lock) return fail(Error(lock.error()).with_context(file.string()));
  disk->lock = *std::move(lock);
  ASSIGN_OR_RETURN(disk->database, store::Database::open(file));
  RETURN_IF_ERROR(disk->database->execute(kTables));
  std::unique_ptr<ResourceStore> made(new ResourceStore(std::move(disk), options));
  RETURN_IF_ERROR(made->load());
  return made;
}

Result<void> ResourceStore::load() {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(auto facts, disk_->database->prepare("SELECT key, value FROM facts"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, facts.step());
    if (!row) break;
    if (facts.text(0) == "version") version_ = facts.integer(1);
    if (facts.text(0) == "format" && facts.integer(1) != kFormat) {
      return fail(ErrorCode::kFailedPrecondition,
                  "the cluster's data has format {}; this program knows {}", facts.integer(1),
                  kFormat);
    }
  }
  ASSIGN_OR_RETURN(auto rows, disk_->database->prepare(
                                  "SELECT resource, namespace, name, version, document FROM "
                                  "objects"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows.step());
    if (!row) break;
    auto object = std::make_shared<StoredObject>();
    object->id = {.resource = std::string(rows.text(0)),
                  .ns = std::string(rows.text(1)),
                  .name = std::string(rows.text(2))};
    object->version = rows.integer(3);
    object->text = rows.text(4);
    objects_[object->id.resource][{object->id.ns, object->id.name}] = object;
    ++count_;
  }
  forgotten_ = version_;
  return {};
}

std::int64_t ResourceStore::version() const {
  MutexLock lock(mutex_);
  return version_;
}

StoredPtr ResourceStore::find(const ObjectId& id) const {
  MutexLock lock(mutex_);
  const auto kind = objects_.find(id.resource);
  if (kind == objects_.end()) return nullptr;
  const auto it = kind->second.find({id.ns, id.name});
  return it == kind->second.end() ? nullptr : it->second;
}

StorePage ResourceStore::list(std::string_view resource, std::string_view ns, const ObjectId& after,
                              std::size_t limit) const {
  MutexLock lock(mutex_);
  StorePage page{.items = {}, .version = version_};
  const auto kind = objects_.find(resource);
  if (kind == objects_.end()) return page;
  auto it = after.name.empty() ? kind->second.lower_bound({std::string(ns), ""})
                               : kind->second.upper_bound({after.ns, after.name});
  for (; it != kind->second.end() && (ns.empty() || it->first.first == ns); ++it) {
    if (limit != 0 && page.items.size() == limit) {
      ++page.remaining;
    } else {
      page.items.push_back(it->second);
    }
  }
  return page;
}

std::vector<StoredPtr> ResourceStore::all() const {
  MutexLock lock(mutex_);
  std::vector<StoredPtr> found;
  found.reserve(count_);
  for (const auto& [resource, objects] : objects_) {
    for (const auto& [key, object] : objects) found.push_back(object);
  }
  return found;
}

Result<StoredPtr> ResourceStore::write(
    const ObjectId& id, const std::function<Result<StoreDecision>(const StoredPtr& live)>& decide) {
  MutexLock lock(writing_);
  const StoredPtr live = find(id);
  ASSIGN_OR_RETURN(StoreDecision decision, decide(live));
  const bool nothing = decision.action == StoreDecision::Action::kNone ||
                       (decision.action == StoreDecision::Action::kRemove && live == nullptr);
  if (nothing) return live;
  return commit(id, live, std::move(decision));
}

Result<StoredPtr> ResourceStore::commit(const ObjectId& id, const StoredPtr& live,
                                        StoreDecision decision) {
  const bool removed = decision.action == StoreDecision::Action::kRemove;
  auto object = std::make_shared<StoredObject>();
  object->id = id;
  {
    MutexLock lock(mutex_);
    if (live == nullptr && count_ >= options_.objects_max) {
      return fail(ErrorCode::kResourceExhausted, "the cluster holds {} objects, its limit", count_);
    }
    object->version = version_ + 1;  // Nobody else writes now.
  }
  decision.object["metadata"]["resourceVersion"] = std::to_string(object->version);
  object->text = codec::render_json(decision.object);
  if (object->text.size() > options_.object_bytes_max) {
    return fail(kubeobjects::status_error(
        {.http_status = 413, .reason = "RequestEntityTooLarge"},
        fmt::format("Request entity too large: limit is {}", options_.object_bytes_max)));
  }
  RETURN_IF_ERROR(removed ? disk_->remove(*object) : disk_->put(*object));
  publish(id, {.version = object->version, .before = live, .after = object, .removed = removed});
  return StoredPtr(object);
}

void ResourceStore::publish(const ObjectId& id, StoreEvent event) {
  MutexLock lock(mutex_);
  version_ = event.version;
  auto& objects = objects_[id.resource];
  if (event.removed) {
    objects.erase({id.ns, id.name});
    --count_;
  } else {
    objects[{id.ns, id.name}] = event.after;
    if (event.before == nullptr) ++count_;
  }
  history_bytes_ += bytes_of(event);
  history_.push_back(std::move(event));
  while (history_.size() > options_.history_max || history_bytes_ > options_.history_bytes_max) {
    history_bytes_ -= bytes_of(history_.front());
    forgotten_ = history_.front().version;
    history_.pop_front();
  }
  changed_.notify_all();
}

bool ResourceStore::remembers(std::int64_t version) const {
  MutexLock lock(mutex_);
  return version >= forgotten_;
}

bool ResourceStore::wait_for_change(const Context& context, std::int64_t version) const {
  const std::stop_callback wake(context.stop, [this] {
    MutexLock lock(mutex_);
    changed_.notify_all();
  });
  MutexLock lock(mutex_);
  while (version_ <= version) {
    if (context.stop.stop_requested()) return false;
    if (!context.deadline) {
      changed_.wait(mutex_);
    } else if (changed_.wait_until(mutex_, *context.deadline) == std::cv_status::timeout) {
      return version_ > version;
    }
  }
  return true;
}

Result<std::vector<StoreEvent>> ResourceStore::events_after(const Context& context,
                                                            std::string_view resource,
                                                            std::int64_t version,
                                                            std::int64_t& seen) const {
  (void)wait_for_change(context, version);
  MutexLock lock(mutex_);
  if (version < forgotten_) {
    return fail(kubeobjects::gone(
        fmt::format("too old resource version: {} ({})", version, forgotten_ + 1)));
  }
  std::vector<StoreEvent> found;
  auto it = std::ranges::upper_bound(history_, version, {}, &StoreEvent::version);
  for (; it != history_.end(); ++it) {
    if (found.size() == kEventsAtOnce) return found;
    seen = it->version;
    if (resource.empty() || it->after->id.resource == resource) found.push_back(*it);
  }
  seen = std::max(seen, version_);
  return found;
}

}  // namespace rage::cluster
