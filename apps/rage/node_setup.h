// What a local node needs of this machine: its flags, the programs and models that are here, and
// the logs and the insides of its pods for an API server.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cluster/pod_exec.h"
#include "cluster/pod_logs.h"
#include "node/log_files.h"
#include "node/node_agent.h"

namespace rage::app {

struct NodeFlags {
  std::vector<std::string> substitutes;  // "preset=reference"
  std::string models;                    // Folder of GGUF files.
  std::vector<std::string> publish;      // "8300=namespace/service" or "8300=Kind"
  std::size_t pods_max = 110;
};
void add_node_flags(CLI::App& command, NodeFlags& flags);

// `kubeconfig`: for programs of ours in pods. Reads the environment: PATH, proxies, the cache.
Result<node::NodeAgentOptions> node_options(const NodeFlags& flags,
                                            const std::filesystem::path& data,
                                            const std::filesystem::path& kubeconfig);

// Resource. Thread-safe. The clock outlives it.
class LocalPodLogs final : public cluster::PodLogs {
 public:
  LocalPodLogs(Clock& clock, std::filesystem::path node_data)
      : clock_(clock), paths_{.data = std::move(node_data)} {}
  Result<void> read(const Context& context, const cluster::PodLogQuery& query,
                    const std::function<bool(std::string_view bytes)>& on_bytes) override;

 private:
  Clock& clock_;
  const node::NodePaths paths_;
};

// Resource. Thread-safe.
class LocalPodExec final : public cluster::PodExec {
 public:
  Result<std::unique_ptr<ChildProcess>> start(const cluster::PodExecRequest& request,
                                              const cluster::PodExecEnds& ends) override;
};

}  // namespace rage::app
