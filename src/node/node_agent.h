// The node of an embedded platform: what kubelet and kube-proxy are to a cluster. Runs the pods of
// every Node with the label rage.dev/local=true as processes of this machine, passes Services'
// connections on, and says that the Nodes are there.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "kube/client.h"
#include "net/http_client.h"
#include "node/images.h"
#include "node/pod_record.h"
#include "node/service_table.h"

namespace rage::node {

inline constexpr const char* kLocalLabel = "rage.dev/local";
// An annotation of pods whose model another one stands in for: "phi-4 -> packaged:NAME".
inline constexpr const char* kSubstitutedModel = "rage.dev/substituted-model";

struct NodeAgentOptions {
  std::filesystem::path data;  // Made if absent; one agent at a time has it.
  // A Node of this name is made if it is absent, with this machine's CPUs and memory. Empty: none;
  // others make them.
  std::string node_name = "local";
  ImageTable images;
  std::vector<PublishRule> publish = {};  // Services that have a port of 127.0.0.1, too.
  Environment environment = {};  // What every process finds: PATH, proxies. Nothing else of ours.
  RestartDelays delays = {};
  std::size_t pods_max = 110;  // Running at once; past that, a pod is refused (OutOfpods).
  std::chrono::milliseconds heartbeat{10'000};  // Leases of the Nodes are renewed this often.
  std::string version = "v1.34.0";  // status.nodeInfo.kubeletVersion of a Node made here.

  Result<void> validate() const;
};

// Resource. Thread-safe. Owns threads from create() on. Client, transport (for probes) and clock
// outlive it.
class NodeAgent {
 public:
  // Ends what an agent that was killed left running, then takes up the pods that are bound here.
  // Returns once it has seen the API server's objects. kFailedPrecondition: another agent has the
  // data directory; kUnavailable, kDeadlineExceeded: no API server within `context`.
  static Result<std::unique_ptr<NodeAgent>> create(const Context& context, kube::KubeClient& client,
                                                   net::HttpTransport& transport, Clock& clock,
                                                   NodeAgentOptions options);
  virtual ~NodeAgent() = default;  // As drain(0).

  // Ends every pod's processes (SIGTERM, SIGKILL at the latest after `limit`) and writes nothing
  // about it: the pods are declared still, and the next agent starts them. Idempotent.
  virtual void drain(std::chrono::milliseconds limit) = 0;
  virtual std::size_t pods() const = 0;  // That it runs now.
};

// This machine's models for `ImageTable::local_models`: DIRECTORY/NAME.gguf, and folders NAME that
// hold one *.gguf. Names in lower case.
std::map<std::string, std::string> find_local_models(const std::filesystem::path& directory);

}  // namespace rage::node
