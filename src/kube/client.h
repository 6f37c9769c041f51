// The Kubernetes API over HTTP: typed paths, JSON bodies, Status errors turned into ours.
// Source: Kubernetes API concepts (list chunking, watch, bookmarks, server-side apply).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/meta.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"
#include "kube/object.h"
#include "net/http_client.h"

namespace rage::kube {

struct ListOptions {
  std::string ns;  // Empty: every namespace.
  std::string label_selector = {};
  std::string field_selector = {};
  std::string resource_version = {};  // "" most recent; "0" whatever the server has cached.
  int page_size = 500;                // Pages are followed; memory is bounded by the consumer.
  // The snapshot expired between two pages: what on_page got is void, and all of it comes again.
  // Without it, pages are held back until the last one is here.
  std::function<void()> on_restart = {};
};

struct WatchOptions {
  std::string ns;
  std::string label_selector = {};
  std::string field_selector = {};
  std::string resource_version;
  std::chrono::seconds timeout{300};  // The server ends the watch then; add jitter at the caller.
  std::string accept = {};            // Another representation (a Table); empty: JSON.
};

struct StreamOptions {
  std::string accept = {};  // Empty: JSON, else whatever there is.
  std::chrono::milliseconds idle_timeout{300'000};
};

enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark };

struct WatchEvent {
  WatchEventType type = WatchEventType::kAdded;
  Json object;
};

enum class Propagation { kBackground, kForeground, kOrphan };

struct DeleteOptions {
  Propagation propagation = Propagation::kBackground;
  std::string uid = {};  // Precondition; empty: none.
};

enum class PatchType { kMerge, kJson, kStrategicMerge };

struct ApplyOptions {
  std::string field_manager = "rage-operator";
  bool force = true;             // We own what we state.
  std::string subresource = {};  // "status"
};

// Errors: kNotFound 404; kAlreadyExists 409 AlreadyExists; kFailedPrecondition 409 Conflict and 410
// Gone/Expired (see is_gone()); kInvalidArgument 400 and 422; kPermissionDenied 403;
// kUnauthenticated 401; kResourceExhausted 429 (retry_after from Retry-After); kUnavailable 5xx, no
// connection; kDeadlineExceeded; kCancelled. The message is the Status' own.
// Interface. Thread-safe. Reads answer unavailable servers with up to 3 tries inside the caller's
// deadline, 429 waits as told; writes are tried once more only when the server said 429.
class KubeClient {
 public:
  virtual ~KubeClient() = default;

  virtual Result<Json> get(const Context& context, const ResourceType& type,
                           const ObjectKey& key) = 0;
  // `on_page` gets each page's items; returns the list's resourceVersion.
  virtual Result<std::string> list(const Context& context, const ResourceType& type,
                                   const ListOptions& options,
                                   const std::function<void(std::vector<Json> items)>& on_page) = 0;
  virtual Result<Json> create(const Context& context, const ResourceType& type,
                              const Json& object) = 0;
  // PUT; fails with kFailedPrecondition if metadata.resourceVersion is not the current one.
  virtual Result<Json> update(const Context& context, const ResourceType& type, const Json& object,
                              std::string_view subresource = {}) = 0;
  virtual Result<Json> patch(const Context& context, const ResourceType& type, const ObjectKey& key,
                             PatchType patch_type, const Json& patch,
                             std::string_view subresource = {}) = 0;
  // Server-side apply; creates the object if it is absent.
  virtual Result<Json> apply(const Context& context, const ResourceType& type, const Json& object,
                             const ApplyOptions& options = {}) = 0;
  // Absent is success.
  virtual Result<void> remove(const Context& context, const ResourceType& type,
                              const ObjectKey& key, const DeleteOptions& options = {}) = 0;
  // Blocks until the server ends the watch (success), `on_event` returns false (success), or it
  // fails. An ERROR event is its Status as an Error.
  virtual Result<void> watch(const Context& context, const ResourceType& type,
                             const WatchOptions& options,
                             const std::function<bool(WatchEvent event)>& on_event) = 0;
  // Anything else: logs, discovery, raw paths ("/api/v1/namespaces/x/pods/y/log?tailLines=10").
  virtual Result<std::string> get_raw(const Context& context, std::string_view path) = 0;
  // The same in pieces as they come, once, without a limit on their sum: logs that are followed,
  // other representations. `on_bytes` ends it by returning false, which is no error.
  virtual Result<void> stream_raw(const Context& context, std::string_view path,
                                  const StreamOptions& options,
                                  const std::function<bool(std::string_view bytes)>& on_bytes) = 0;
};

// 410: the resourceVersion is too old; list again.
bool is_gone(const Error& error);
// 409 because of a stale resourceVersion or a lost apply.
bool is_conflict(const Error& error);

// "/apis/kaito.sh/v1beta1/namespaces/ns/workspaces/name/status"; a name is percent-encoded.
std::string resource_path(const ResourceType& type, std::string_view ns, std::string_view name = {},
                          std::string_view subresource = {});

struct ClientConfig;  // kubeconfig.h

struct ClientLimits {
  double requests_per_second = 200;  // Token bucket over all requests but watches; 0: none.
  int burst = 400;
  std::chrono::milliseconds request_timeout{30'000};  // Of one try.
  // etcd holds objects of 1.5 MiB; what is far beyond is no event.
  std::size_t watch_event_bytes_max = std::size_t{16} << 20;
};

// `transport` and `clock` outlive it.
std::unique_ptr<KubeClient> make_kube_client(net::HttpTransport& transport, Clock& clock,
                                             ClientConfig config, const ClientLimits& limits = {});

}  // namespace rage::kube
