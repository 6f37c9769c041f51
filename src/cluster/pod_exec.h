// Who starts programs inside pods for the API server: a node's business, behind an interface.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"

namespace rage::cluster {

struct PodExecRequest {
  std::string pod_uid;
  std::string container;
  std::vector<std::string> command;
};

// Descriptors; borrowed until start() returns.
struct PodExecEnds {
  int in = -1;
  int out = -1;
  int err = -1;
};

// Interface. Thread-safe.
class PodExec {
 public:
  virtual ~PodExec() = default;
  // kNotFound: the container does not run, or has no such program.
  virtual Result<std::unique_ptr<ChildProcess>> start(const PodExecRequest& request,
                                                      const PodExecEnds& ends) = 0;
};

}  // namespace rage::cluster
