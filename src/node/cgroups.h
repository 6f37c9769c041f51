// Memory and CPU limits of containers, kept by the kernel: a cgroup each, where this user may make
// any. Source: Linux, Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::node {

// Value. Of a container's resources.limits; what is absent or no quantity is no limit.
struct ContainerLimits {
  std::optional<std::uint64_t> memory_bytes = std::nullopt;
  std::optional<double> cpus = std::nullopt;

  bool any() const { return memory_bytes || cpus; }
  bool operator==(const ContainerLimits&) const = default;
};
ContainerLimits limits_of(const codec::Json& container);

// Value. Where this process' cgroups begin, so that what holds this process holds its pods too.
struct CgroupPlace {
  enum class Version { kOne, kTwo };
  Version version = Version::kTwo;
  std::filesystem::path memory;
  std::filesystem::path cpu;  // kTwo: the same. Empty: not mounted.

  bool operator==(const CgroupPlace&) const = default;
};
// Of /proc/self/cgroup and /proc/self/mountinfo. Version two counts if it has its own hierarchy's
// controllers, not beside those of version one. None: no memory controller is mounted. Pure.
std::optional<CgroupPlace> find_cgroup_place(std::string_view own, std::string_view mounts);

// Resource. One thread. Removed at the end, if nothing runs in it.
class Cgroup final {
 public:
  explicit Cgroup(CgroupPlace place) : place_(std::move(place)) {}
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  // The process, its group, and what they start.
  Result<void> add(pid_t pid);
  // The kernel ended something in it that wanted more memory.
  bool killed_for_memory() const;

 private:
  const CgroupPlace place_;  // Its own folders.
};

// Resource. Thread-safe.
class Cgroups final {
 public:
  // A cgroup for all of one node; what an earlier one left is removed. kUnavailable, and why: this
  // user may make none here.
  static Result<std::unique_ptr<Cgroups>> create(const std::filesystem::path& data);
  ~Cgroups();
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;

  // `name`: of a file, unique in the node.
  Result<std::unique_ptr<Cgroup>> make(const std::string& name, const ContainerLimits& limits);

 private:
  explicit Cgroups(CgroupPlace place) : place_(std::move(place)) {}
  const CgroupPlace place_;  // Its own folders.
};

}  // namespace rage::node
