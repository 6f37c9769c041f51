// What `kubectl kustomize` makes of a folder: resources, overlays, generated ConfigMaps and
// Secrets, patches, images, names. Source: the Kustomization file reference
// (kubectl.docs.kubernetes.io/references/kustomize), checked against kubectl's own output.
//
// Pure but for the files it asks for. What is not understood (helmCharts, vars, plugins, remote
// resources) is refused by name: a manifest that was built halfway is worse than none.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::kustomize {

using codec::Json;

// How a build sees the file system; paths are absolute and normalised.
struct Files {
  // A file below `directory`, the folder of the kustomization that asks; kNotFound if absent.
  std::function<Result<std::string>(const std::string& directory, const std::string& path)> read;
  std::function<bool(const std::string& path)> is_directory;
};

// The local disk, files up to 8 MiB. Symbolic links that lead out of a kustomization's folder are
// refused, as kustomize does: an overlay from elsewhere must not read a person's keys.
Files local_files();

// The objects of the kustomization in `directory`, in the order in which they can be applied
// (namespaces and CRDs first, webhooks last). kInvalidArgument, with the file, where it is wrong;
// kUnimplemented where it asks for what this does not do; kResourceExhausted past 32 levels or
// 20,000 objects.
Result<std::vector<Json>> build(const Files& files, const std::string& directory);

// "g7h4k2m9t5": what is appended to the name of a generated ConfigMap or Secret, by its content.
std::string content_hash(const Json& object);

}  // namespace rage::kustomize
