// Reading and writing objects as the Kubernetes API does, without HTTP: addresses and JSON in,
// JSON or an Error that carries a Status out.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "cluster/request.h"
#include "cluster/resource_store.h"
#include "kubeobjects/resource.h"
#include "kubeobjects/selectors.h"
#include "kubeobjects/writes.h"

namespace rage::cluster {

using RegistryPtr = std::shared_ptr<const kubeobjects::Registry>;
using kubeobjects::ResourcePtr;

// Where a request points and who sends it.
struct Address {
  ResourcePtr resource;
  std::string ns;
  std::string name;
  std::string subresource;
};
struct WriteOptions {
  std::string manager = "unknown";
  kubeobjects::FieldValidation validation = kubeobjects::FieldValidation::kWarn;
  bool dry_run = false;
  bool force = false;  // Of an apply.
};

struct ObjectReply {
  int http_status = 200;
  Json body;
  std::vector<std::string> warnings = {};
};

struct ObjectList {
  std::vector<Json> items;  // In the version that was asked for.
  std::int64_t version = 0;
  std::string continuation = {};
  std::size_t remaining = 0;
};

enum class PatchKind { kJson, kMerge, kStrategicMerge, kApply };

// Judges what is about to be stored; `live` is null on create. Returns warnings, or refuses.
using Admission = std::function<Result<std::vector<std::string>>(
    const kubeobjects::Resource& resource, const Json& object, const Json& live)>;

struct ObjectsOptions {
  Admission admission = {};                // None: everything is admitted.
  std::string service_network = "127.96";  // First two bytes of the addresses given to Services.
};

// Resource. Thread-safe. Store and clock outlive it.
class Objects final {
 public:
  // Makes the namespaces that every cluster has. Fails as the store does.
  static Result<std::unique_ptr<Objects>> create(ResourceStore& store, Clock& clock,
                                                 const ObjectsOptions& options = {});

  RegistryPtr registry() const;
  ResourceStore& store() { return store_; }

  Result<Json> get(const Address& address) const;
  Result<ObjectList> list(const Address& address, const ListQuery& query) const;
  Result<ObjectReply> create(const Address& address, const WriteOptions& options, Json body);
  Result<ObjectReply> update(const Address& address, const WriteOptions& options, Json body);
  Result<ObjectReply> patch(const Address& address, const WriteOptions& options, PatchKind kind,
                            const Json& patch);
  Result<ObjectReply> remove(const Address& address, const WriteOptions& options,
                             const kubeobjects::DeletionRequest& request);
  // Every object that the query selects.
  Result<ObjectReply> remove_all(const Address& address, const WriteOptions& options,
                                 const ListQuery& query,
                                 const kubeobjects::DeletionRequest& request);

  // Changes an object as its stored version, without checks: for the cluster's own housekeeping.
  // `change` returns false if there is nothing to do.
  Result<void> amend(const ObjectId& id, const std::function<bool(Json& object)>& change);

  Result<kubeobjects::Selector> parse_selector(const kubeobjects::Resource& resource,
                                               const ListQuery& query) const;
  // A stored document in the version of `resource`.
  static Json in_version(const kubeobjects::Resource& resource, Json stored);

 private:
  struct Change;
  Objects(ResourceStore& store, Clock& clock, const ObjectsOptions& options)
      : store_(store), clock_(clock), options_(options) {}

  std::string now() const;
  kubeobjects::WriteTarget target_of(const Address& address, const WriteOptions& options) const;
  Result<ObjectReply> write(const Address& address, const WriteOptions& options,
                            const std::function<Result<Change>(const Json& live)>& change);
  Result<Change> finish(const Address& address, const WriteOptions& options, const Json& live,
                        kubeobjects::Written written, const kubeobjects::Applied* applied) const;
  Result<Change> created(const Address& address, const WriteOptions& options, Json body,
                         const kubeobjects::Applied* applied) const;
  Result<Change> updated(const Address& address, const WriteOptions& options, const Json& live,
                         Json wanted, const kubeobjects::Applied* applied) const;
  Result<ObjectReply> apply(const Address& address, const WriteOptions& options, Json config);
  Result<void> check_namespace(const Address& address, std::string_view name) const;
  void complete(const kubeobjects::Resource& resource, const Json& live, Json& object) const;
  std::string free_address() const;
  void refresh_registry();

  ResourceStore& store_;
  Clock& clock_;
  const ObjectsOptions options_;
  Guarded<RegistryPtr> registry_;
};

}  // namespace rage::cluster
