// The manifests that bring what runs here to a cluster: what people declared, without what the
// machine and its controllers made of it. Pure but for export_objects().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"
#include "kube/client.h"

namespace rage::platform {

using codec::Json;

enum class ExportSecrets { kLeaveOut, kInclude };

// The object as it may be applied elsewhere: no status, identity, history, finalizers or addresses,
// no annotations of controllers. None: it is not a person's (it is controlled by another object,
// only controllers ever wrote it, it is going, or it belongs to the platform itself).
std::optional<Json> exported(const Json& object);

// Kinds whose objects are worth taking along.
bool is_exported_kind(const std::string& group, const std::string& kind, ExportSecrets secrets);

// Of all namespaces, Namespaces first; what is not served counts as none.
Result<std::vector<Json>> export_objects(const Context& context, kube::KubeClient& client,
                                         ExportSecrets secrets);

// "ragengine.kaito.sh_default_rag.yaml": a file for each.
std::string export_file_name(const Json& object);

}  // namespace rage::platform
