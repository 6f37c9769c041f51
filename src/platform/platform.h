// What `rage up -f` runs: the embedded API server, the controllers of a cluster, and one node, in
// one process; the operator, gateways, RAG services and models are pods of it. Everything declared
// is in DATA/cluster; a start after any end goes on from there.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "cluster/pod_exec.h"
#include "cluster/pod_logs.h"
#include "kube/client.h"
#include "net/http_client.h"
#include "node/node_agent.h"

namespace rage::platform {

struct PlatformOptions {
  std::filesystem::path data;
  std::uint16_t api_port = 0;   // On 127.0.0.1. 0: any free one.
  node::NodeAgentOptions node;  // Its data, kubeconfig and node_name are set here.
  // They outlive the platform; null: `kubectl logs` and `kubectl exec` are a 404.
  cluster::PodLogs* pod_logs = nullptr;
  cluster::PodExec* pod_exec = nullptr;
};

// DATA/cluster/kubeconfig.
std::filesystem::path kubeconfig_of(const std::filesystem::path& data);

// Resource. Thread-safe.
class Platform {
 public:
  // Serves when it returns. `transport` and `clock` outlive it. kFailedPrecondition: another
  // process has the data directory.
  static Result<std::unique_ptr<Platform>> create(const Context& context,
                                                  net::HttpTransport& transport, Clock& clock,
                                                  const PlatformOptions& options);
  virtual ~Platform() = default;  // As drain(0).
  // Ends all pods' processes and serves no more; what is declared stays.
  virtual void drain(std::chrono::milliseconds limit) = 0;
  virtual const std::string& url() const = 0;
};

}  // namespace rage::platform
