// The volumes of a pod as directories of this machine, and the files that ConfigMaps, Secrets and
// the downward API put into them. plan_volumes() is pure; make_volumes() writes.
// Source: core/v1 Volume.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "node/pod_environment.h"

namespace rage::node {

struct VolumeFile {
  std::string path;  // Relative, plain parts.
  std::string content;
  unsigned mode = 0644;

  bool operator==(const VolumeFile&) const = default;
};

// Value.
struct Volume {
  std::string name;
  std::filesystem::path directory;
  std::vector<VolumeFile> files = {};
  bool generated = false;  // Its files are ours: others in it are removed.
};

// Value. Where a node keeps what pods have.
//   pods/UID/volumes/NAME      what lives and dies with the pod
//   pods/UID/CONTAINER/N.log   the output of the Nth start
//   volumes/PV                 persistent volumes, by the name of the volume a claim is bound to
//   run/service-addresses.json where Services are
struct NodePaths {
  std::filesystem::path data;  // Absolute.

  std::filesystem::path pod(const std::string& uid) const { return data / "pods" / uid; }
  std::filesystem::path volume(const std::string& uid, const std::string& name) const {
    return pod(uid) / "volumes" / name;
  }
  std::filesystem::path persistent(const std::string& volume) const {
    return data / "volumes" / volume;
  }
  std::filesystem::path services_file() const { return data / "run" / "service-addresses.json"; }
};

// emptyDir, configMap, secret, projected, downwardAPI, persistentVolumeClaim; hostPath below
// `paths.data` alone. kFailedPrecondition: something that is not optional is missing, or a claim is
// not bound yet; kUnimplemented: another kind of volume, with what to do.
Result<std::vector<Volume>> plan_volumes(const Json& pod, const PodFacts& facts,
                                         const NodePaths& paths, const FindObject& find);

// Idempotent. Writes what differs, each file whole or not at all.
Result<void> make_volumes(const std::vector<Volume>& volumes);

std::map<std::string, std::string> directories_of(const std::vector<Volume>& volumes);

}  // namespace rage::node
