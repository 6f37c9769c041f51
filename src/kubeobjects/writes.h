// What a write makes of an object, decided without a database: creation, replacement, deletion.
// Source: Kubernetes API conventions; what kube-apiserver v1.36 answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kubeobjects/managed_fields.h"
#include "kubeobjects/resource.h"

namespace rage::kubeobjects {

enum class FieldValidation { kIgnore, kWarn, kStrict };

// Where a request writes, and how.
struct WriteTarget {
  ResourcePtr resource;
  std::string ns;
  std::string name;         // Empty on create.
  std::string subresource;  // "", "status"
  std::string manager;      // Field manager.
  FieldValidation validation = FieldValidation::kWarn;
  std::string now;  // RFC 3339.
};

struct Written {
  Json object;
  std::vector<std::string> warnings = {};
  // The object is being deleted and nothing holds it any more: it is to be removed.
  bool finished = false;
  // Nothing differs from what is there.
  bool unchanged = false;
};

// Checks that a body is for this address and gives it its name; before anything else is done.
// 400 and 422 in Kubernetes' words.
Result<void> address_document(const WriteTarget& target, Json& document);

// A body without defaults becomes an object with identity, managedFields not yet. `uid` is its own.
Result<Written> prepare_create(const WriteTarget& target, Json document, const std::string& uid);

// `wanted` in place of `live`: keeps what the address does not reach (status, identity), counts the
// generation, refuses what is immutable. managedFields are those of `live`.
Result<Written> prepare_update(const WriteTarget& target, const Json& live, Json wanted);

// After managedFields were set: is there anything to write?
bool is_unchanged(const Json& live, const Json& next);

enum class Propagation { kBackground, kForeground, kOrphan };
struct DeletionRequest {
  Propagation propagation = Propagation::kBackground;
  std::string uid = {};               // Preconditions; empty: none.
  std::string resource_version = {};  // Likewise.
  std::optional<std::int64_t> grace_seconds = std::nullopt;
};
// DeleteOptions, from a body and the query. 400 if it makes no sense.
Result<DeletionRequest> parse_deletion(const Json& body, const std::string& propagation_policy,
                                       const std::string& grace_seconds);
// `finished`: remove it now. Otherwise it is marked and waits for its finalizers.
Result<Written> prepare_delete(const Resource& resource, const Json& live,
                               const DeletionRequest& request, const std::string& now);

// Finalizers are left: it cannot go yet.
bool is_held(const Json& object);

// "abcd-" and five letters.
std::string generated_name(const std::string& prefix);

}  // namespace rage::kubeobjects
