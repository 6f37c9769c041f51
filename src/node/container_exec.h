// One more program in a container that runs, as `kubectl exec` asks for: the container's
// environment, directory and mounts. Reads them from the container's process, so that it works from
// any process of this user on this machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"

namespace rage::node {

struct ContainerId {
  std::string pod_uid;
  std::string container;
};

// Descriptors; borrowed until exec_in_container() returns.
struct ExecEnds {
  int in = -1;
  int out = -1;
  int err = -1;
};

// kNotFound: the container does not run, or has no such program. Not held by the container's
// limits; ends with the one who asked, or with the next start of the node.
Result<std::unique_ptr<ChildProcess>> exec_in_container(const ContainerId& id,
                                                        const std::vector<std::string>& command,
                                                        const ExecEnds& ends);

}  // namespace rage::node
