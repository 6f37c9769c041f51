// The API server's rules that controllers rely on, in memory: optimistic locking, the status
// subresource, generations, finalizers, writes that change nothing. Not modelled: defaulting,
// admission, schemas, garbage collection, field ownership (apply merges and removes nothing).
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "kube/client.h"

namespace rage::kube {

// Resource. Thread-safe.
class FakeKubeClient final : public KubeClient {
 public:
  struct Call {
    std::string verb;  // get, list, create, update, patch, apply, remove, watch; "update/status"...
    std::string kind;
    ObjectKey key;

    bool operator==(const Call&) const = default;
  };
  // Asked before every call, without a lock held; an Error is what the call fails with.
  using Interceptor = std::function<Result<void>(const Call&)>;

  static Error not_found(const ResourceType& type, const ObjectKey& key) {
    return {.code = ErrorCode::kNotFound,
            .message = fmt::format("{} \"{}\" not found", type.plural, key.name),
            .detail = "HTTP 404 NotFound"};
  }
  static Error conflict(const ResourceType& type, const ObjectKey& key) {
    return {.code = ErrorCode::kFailedPrecondition,
            .message = fmt::format("Operation cannot be fulfilled on {} \"{}\": the object has "
                                   "been modified",
                                   type.plural, key.name),
            .detail = "HTTP 409 Conflict"};
  }

  void intercept(Interceptor interceptor) {
    interceptor_.with([&](Interceptor& current) { current = std::move(interceptor); });
  }
  // All calls so far, oldest first; reads included.
  std::vector<Call> calls() const {
    MutexLock lock(mutex_);
    return calls_;
  }
  void clear_calls() {
    MutexLock lock(mutex_);
    calls_.clear();
  }
  // Puts an object there as it is, status included, and returns what is stored.
  Json seed(const ResourceType& type, Json object) {
    MutexLock lock(mutex_);
    const ObjectKey key = key_of(type, object);
    complete_locked(type, object);
    return store_locked(type, key, std::move(object));
  }
  // Null if absent.
  Json peek(const ResourceType& type, const ObjectKey& key) const {
    MutexLock lock(mutex_);
    const Json* found = find_locked(type, key);
    return found != nullptr ? *found : Json();
  }
  std::vector<Json> peek_all(const ResourceType& type) const {
    MutexLock lock(mutex_);
    std::vector<Json> all;
    const auto of_type = objects_.find(id_of(type));
    if (of_type == objects_.end()) return all;
    for (const auto& [key, object] : of_type->second) all.push_back(object);
    return all;
  }

  Result<Json> get(const Context& context, const ResourceType& type,
                   const ObjectKey& key) override {
    RETURN_IF_ERROR(begin(context, "get", type, key));
    MutexLock lock(mutex_);
    const Json* found = find_locked(type, key);
    if (found == nullptr) return fail(not_found(type, key));
    return *found;
  }

  Result<std::string> list(const Context& context, const ResourceType& type,
                           const ListOptions& options,
                           const std::function<void(std::vector<Json> items)>& on_page) override {
    RETURN_IF_ERROR(begin(context, "list", type, {.ns = options.ns, .name = ""}));
    std::vector<Json> items;
    std::string version;
    {
      MutexLock lock(mutex_);
      version = std::to_string(version_);
      for (const auto& [key, object] : objects_[id_of(type)]) {
        if (selected(object, options.ns, options.label_selector)) items.push_back(object);
      }
    }
    on_page(std::move(items));
    return version;
  }

  Result<Json> create(const Context& context, const ResourceType& type,
                      const Json& object) override {
    RETURN_IF_ERROR(begin(context, "create", type, key_of(type, object)));
    Json stored = object;
    MutexLock lock(mutex_);
    name_locked(stored);
    const ObjectKey key = key_of(type, stored);
    if (find_locked(type, key) != nullptr) {
      return fail(Error{.code = ErrorCode::kAlreadyExists,
                        .message = fmt::format("{} \"{}\" already exists", type.plural, key.name),
                        .detail = "HTTP 409 AlreadyExists"});
    }
    stored.erase("status");
    complete_locked(type, stored);
    return store_locked(type, key, std::move(stored));
  }

  Result<Json> update(const Context& context, const ResourceType& type, const Json& object,
                      std::string_view subresource = {}) override {
    const ObjectKey key = key_of(type, object);
    RETURN_IF_ERROR(begin(context, verb("update", subresource), type, key));
    MutexLock lock(mutex_);
    return replace_locked(type, key, object, subresource);
  }

  Result<Json> patch(const Context& context, const ResourceType& type, const ObjectKey& key,
                     PatchType patch_type, const Json& patch,
                     std::string_view subresource = {}) override {
    RETURN_IF_ERROR(begin(context, verb("patch", subresource), type, key));
    MutexLock lock(mutex_);
    const Json* found = find_locked(type, key);
    if (found == nullptr) return fail(not_found(type, key));
    Json patched = *found;
    try {
      if (patch_type == PatchType::kJson) {
        patched = found->patch(patch);
      } else {
        patched.merge_patch(patch);
      }
    } catch (const Json::exception& error) {  // A test that fails, a path that leads nowhere.
      return fail(ErrorCode::kInvalidArgument, "the server rejected the patch: {}", error.what());
    }
    return replace_locked(type, key, std::move(patched), subresource);
  }

  Result<Json> apply(const Context& context, const ResourceType& type, const Json& object,
                     const ApplyOptions& options = {}) override {
    const ObjectKey key = key_of(type, object);
    RETURN_IF_ERROR(begin(context, verb("apply", options.subresource), type, key));
    MutexLock lock(mutex_);
    const Json* found = find_locked(type, key);
    if (found == nullptr && !options.subresource.empty()) return fail(not_found(type, key));
    if (found == nullptr) {
      Json stored = object;
      stored.erase("status");
      complete_locked(type, stored);
      return store_locked(type, key, std::move(stored));
    }
    Json merged = *found;
    merged.merge_patch(object);
    return replace_locked(type, key, std::move(merged), options.subresource);
  }

  Result<void> remove(const Context& context, const ResourceType& type, const ObjectKey& key,
                      const DeleteOptions& options = {}) override {
    RETURN_IF_ERROR(begin(context, "remove", type, key));
    MutexLock lock(mutex_);
    const Json* found = find_locked(type, key);
    if (found == nullptr) return {};
    if (!options.uid.empty() && apis::parse_meta(*found).uid != options.uid) {
      return fail(conflict(type, key));
    }
    Json object = *found;
    if (apis::parse_meta(object).finalizers.empty()) {
      erase_locked(type, key, std::move(object));
    } else if (!object["metadata"].contains("deletionTimestamp")) {
      object["metadata"]["deletionTimestamp"] = kTime;
      (void)store_locked(type, key, std::move(object));
    }
    return {};
  }

  // Ends with context.stop, at its deadline never.
  Result<void> watch(const Context& context, const ResourceType& type, const WatchOptions& options,
                     const std::function<bool(WatchEvent event)>& on_event) override {
    RETURN_IF_ERROR(begin(context, "watch", type, {.ns = options.ns, .name = ""}));
    std::uint64_t seen = parse_uint(options.resource_version).value_or(0);
    std::stop_callback on_stop(context.stop, [this] {
      MutexLock lock(mutex_);
      changed_.notify_all();
    });
    while (true) {
      std::vector<WatchEvent> events;
      {
        MutexLock lock(mutex_);
        while (version_ <= seen && !context.stop.stop_requested()) changed_.wait(mutex_);
        if (context.stop.stop_requested()) return context.check();
        for (const auto& [version, id, event] : history_) {
          if (version <= seen || id != id_of(type)) continue;
          if (selected(event.object, options.ns, options.label_selector)) events.push_back(event);
        }
        seen = version_;
      }
      for (WatchEvent& event : events) {
        if (!on_event(std::move(event))) return {};
      }
    }
  }

  Result<std::string> get_raw(const Context& context, std::string_view path) override {
    RETURN_IF_ERROR(begin(context, "get_raw", {}, {.ns = "", .name = std::string(path)}));
    MutexLock lock(mutex_);
    const auto found = raw_.find(path);
    if (found == raw_.end()) return fail(ErrorCode::kNotFound, "no such path");
    return found->second;
  }
  // What set_raw() put there, whatever is accepted, in one piece.
  Result<void> stream_raw(const Context& context, std::string_view path, const StreamOptions&,
                          const std::function<bool(std::string_view bytes)>& on_bytes) override {
    ASSIGN_OR_RETURN(const std::string text, get_raw(context, path));
    (void)on_bytes(text);
    return {};
  }
  void set_raw(std::string path, std::string text) {
    MutexLock lock(mutex_);
    raw_[std::move(path)] = std::move(text);
  }

 private:
  static constexpr const char* kTime = "2026-01-01T00:00:00Z";
  struct Past {
    std::uint64_t version;
    std::string id;
    WatchEvent event;
  };

  // Versions of one kind are the same objects.
  static std::string id_of(const ResourceType& type) { return type.group + "/" + type.kind; }
  static std::string verb(std::string_view name, std::string_view subresource) {
    return subresource.empty() ? std::string(name) : fmt::format("{}/{}", name, subresource);
  }
  static ObjectKey key_of(const ResourceType& type, const Json& object) {
    ObjectKey key = apis::parse_meta(object).key();
    if (!type.namespaced) key.ns.clear();
    return key;
  }
  // Label selectors of the form "a=b,c=d" only.
  static bool selected(const Json& object, std::string_view ns, std::string_view labels) {
    const ObjectMeta meta = apis::parse_meta(object);
    if (!ns.empty() && meta.ns != ns) return false;
    for (const std::string_view part : split(labels, ',')) {
      const std::size_t equals = part.find('=');
      if (equals == std::string_view::npos) continue;
      if (meta.label(part.substr(0, equals)) != part.substr(equals + 1)) return false;
    }
    return true;
  }

  Result<void> begin(const Context& context, std::string verb, const ResourceType& type,
                     const ObjectKey& key) {
    const Call call{.verb = std::move(verb), .kind = type.kind, .key = key};
    {
      MutexLock lock(mutex_);
      calls_.push_back(call);
    }
    RETURN_IF_ERROR(context.check());
    const Interceptor interceptor = interceptor_.with([](const auto& current) { return current; });
    if (interceptor) return interceptor(call);
    return {};
  }

  const Json* find_locked(const ResourceType& type, const ObjectKey& key) const REQUIRES(mutex_) {
    const auto of_type = objects_.find(id_of(type));
    if (of_type == objects_.end()) return nullptr;
    const auto found = of_type->second.find(key);
    return found == of_type->second.end() ? nullptr : &found->second;
  }

  void name_locked(Json& object) REQUIRES(mutex_) {
    Json& metadata = object["metadata"];
    const std::string prefix = codec::string_or(metadata, "generateName", "");
    if (metadata.contains("name") || prefix.empty()) return;
    metadata["name"] = fmt::format("{}{:05}", prefix, ++names_);
  }

  void complete_locked(const ResourceType& type, Json& object) REQUIRES(mutex_) {
    object["apiVersion"] = type.api_version();
    object["kind"] = type.kind;
    Json& metadata = object["metadata"];
    if (!metadata.contains("uid")) metadata["uid"] = fmt::format("uid-{}", ++uids_);
    if (!metadata.contains("creationTimestamp")) metadata["creationTimestamp"] = kTime;
    if (!metadata.contains("generation")) metadata["generation"] = 1;
  }

  // What a PUT does: the main resource keeps the stored status, the status keeps all else.
  Result<Json> replace_locked(const ResourceType& type, const ObjectKey& key, Json object,
                              std::string_view subresource) REQUIRES(mutex_) {
    const Json* found = find_locked(type, key);
    if (found == nullptr) return fail(not_found(type, key));
    const ObjectMeta before = apis::parse_meta(*found);
    const ObjectMeta wanted = apis::parse_meta(object);
    if (!wanted.resource_version.empty() && wanted.resource_version != before.resource_version) {
      return fail(conflict(type, key));
    }
    Json next = *found;
    if (subresource == "status") {
      if (object.contains("status")) next["status"] = object["status"];
    } else {
      next = std::move(object);
      next.erase("status");
      if (found->contains("status")) next["status"] = (*found)["status"];
      for (const char* kept :
           {"uid", "creationTimestamp", "generation", "deletionTimestamp", "resourceVersion"}) {
        if ((*found)["metadata"].contains(kept)) {
          next["metadata"][kept] = (*found)["metadata"][kept];
        }
      }
      if (wanted_state(next) != wanted_state(*found)) {
        next["metadata"]["generation"] = before.generation + 1;
      }
    }
    if (same(next, *found)) return *found;  // No write, no event.
    if (before.deleting && apis::parse_meta(next).finalizers.empty()) {
      return erase_locked(type, key, std::move(next));
    }
    return store_locked(type, key, std::move(next));
  }

  // As the server compares: order of keys does not matter.
  static bool same(const Json& a, const Json& b) { return nlohmann::json(a) == nlohmann::json(b); }
  // All but metadata and status; KAITO's Workspace has no spec.
  static nlohmann::json wanted_state(const Json& object) {
    nlohmann::json state = object;
    for (const char* other : {"metadata", "status", "apiVersion", "kind"}) state.erase(other);
    return state;
  }

  Json store_locked(const ResourceType& type, const ObjectKey& key, Json object) REQUIRES(mutex_) {
    const bool added = find_locked(type, key) == nullptr;
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    objects_[id_of(type)][key] = object;
    remember_locked(type, added ? WatchEventType::kAdded : WatchEventType::kModified, object);
    return object;
  }

  Json erase_locked(const ResourceType& type, const ObjectKey& key, Json last) REQUIRES(mutex_) {
    last["metadata"]["resourceVersion"] = std::to_string(++version_);
    objects_[id_of(type)].erase(key);
    remember_locked(type, WatchEventType::kDeleted, last);
    return last;
  }

  void remember_locked(const ResourceType& type, WatchEventType event, const Json& object)
      REQUIRES(mutex_) {
    history_.push_back({version_, id_of(type), {.type = event, .object = object}});
    changed_.notify_all();
  }

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::map<ObjectKey, Json>> objects_ GUARDED_BY(mutex_);
  std::map<std::string, std::string, std::less<>> raw_ GUARDED_BY(mutex_);
  std::deque<Past> history_ GUARDED_BY(mutex_);
  std::vector<Call> calls_ GUARDED_BY(mutex_);
  std::uint64_t version_ GUARDED_BY(mutex_) = 100;
  int uids_ GUARDED_BY(mutex_) = 0;
  int names_ GUARDED_BY(mutex_) = 0;
  Guarded<Interceptor> interceptor_;
};

}  // namespace rage::kube
