// Applying manifests as `kubectl apply --server-side` does: kinds are looked up, what defines kinds
// or namespaces comes first, and each object says what became of it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/meta.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"
#include "kube/client.h"

namespace rage::platform {

using codec::Json;

enum class Applied { kCreated, kConfigured, kUnchanged };

struct AppliedObject {
  apis::ResourceType type;
  apis::ObjectKey key;
  Applied applied = Applied::kUnchanged;

  std::string name() const;  // "deployment.apps/web"
};
using OnApplied = std::function<void(const AppliedObject& object)>;

// Objects of a file (YAML or JSON, several documents, Lists), of all such files of a folder
// (*.yaml, *.yml, *.json; not below it), or of standard input ("-"). kInvalidArgument with the
// file.
Result<std::vector<Json>> read_manifests(const std::string& path);

struct ApplyRules {
  std::string field_manager = "rage-up";
  std::string ns = "default";  // Of what names none and is namespaced.
};

// Stops at the first that is refused: its message names the object. A kind that is not served is
// waited for as long as `context` lasts, because its CRD may just have been applied; kNotFound
// then.
Result<std::vector<AppliedObject>> apply_objects(const Context& context, kube::KubeClient& client,
                                                 Clock& clock, const ApplyRules& rules,
                                                 std::vector<Json> objects,
                                                 const OnApplied& on_applied = {});

}  // namespace rage::platform
