// What `rage apply` and `rage up` have in common: options that name manifests, and what is printed
// while they are applied.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "codec/json.h"
#include "kube/client.h"

namespace rage::app {

struct ManifestOptions {
  std::vector<std::string> files;           // -f
  std::vector<std::string> kustomizations;  // -k
  int wait_seconds = 0;                     // Until all is ready; 0: not at all.

  void add_to(CLI::App& command) {
    command.add_option("-f,--filename", files, "Manifest, folder of manifests, or - for stdin")
        ->allow_extra_args(false);
    command.add_option("-k,--kustomize", kustomizations, "Folder with a kustomization.yaml")
        ->allow_extra_args(false);
    command
        .add_option("--wait", wait_seconds, "Seconds for everything to become ready; 0: no wait")
        ->check(CLI::Range(0, 86'400))
        ->capture_default_str();
  }
  bool any() const { return !files.empty() || !kustomizations.empty(); }
  // Reads them all, once. kInvalidArgument if none is named.
  Result<std::vector<codec::Json>> gather() const;
};

// A line for each object, "deployment.apps/web\tcreated", then one whenever one that is waited for
// says something new. `ns`: of objects that name none.
Result<void> apply_manifests(kube::KubeClient& client, Clock& clock, const std::string& ns,
                             std::vector<codec::Json> objects, int wait_seconds);

}  // namespace rage::app
