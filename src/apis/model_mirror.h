// kaito.sh ModelMirror: one copy of a model's files on a shared volume. Cluster-scoped; the volume
// and the job that fills it live in `job_namespace`.
#pragma once

#include <string>

#include "apis/meta.h"

namespace rage::apis {

enum class MirrorMode { kManaged, kStatic };

struct ModelMirror {
  ObjectMeta meta;
  MirrorMode mode = MirrorMode::kManaged;
  // Empty in a Static mirror, which says nothing about where its files are.
  std::string model_id;       // "microsoft/phi-4"
  std::string access_secret;  // Of job_namespace, key HF_TOKEN.
  std::string size;           // "100Gi"
  std::string storage_class;
  std::string job_namespace;
  std::string service_account;
  Json status;  // The document's `status`, or null.
};

// A v1alpha1 document; as parse_workspace().
Result<ModelMirror> parse_model_mirror(const Json& document);

}  // namespace rage::apis
