// Nodes and the GPUs that pods hold on them, kept parsed: planning the nodes of one Workspace looks
// at every node of the cluster, thousands of times.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apis/meta.h"
#include "base/mutex.h"
#include "kube/informer.h"
#include "operator/nodes.h"

namespace rage::op {

// Resource. Thread-safe. Fed by the informers of nodes and pods, which it must outlive.
class NodeIndex final {
 public:
  // Before the informers start.
  void watch(kube::Informer& nodes, kube::Informer& pods);
  void on_node(const kube::Change& change);
  void on_pod(const kube::Change& change);

  // Nodes with all of `selector`'s labels, by name. `gpus_used` counts what pods of others hold and
  // what others were promised, but nothing of `workspace` itself.
  std::vector<NodeView> matching(const apis::StringMap& selector, const ObjectKey& workspace) const;

  // `workspace` will have `gpus` on each of `nodes`; until its pods are bound nobody else knows.
  // Replaces its promise of before; no nodes: takes it back.
  void promise(const ObjectKey& workspace, std::vector<std::string> nodes, int gpus);

 private:
  struct Claim {
    std::string node;
    ObjectKey workspace;  // Its pods' label; an empty name if none.
    int gpus = 0;
  };
  struct Promise {
    std::vector<std::string> nodes;
    int gpus = 0;
  };
  struct Tables {
    std::map<std::string, NodeView, std::less<>> nodes;
    std::map<std::string, std::vector<std::pair<std::string, Claim>>, std::less<>> claims;
    std::map<std::string, std::string, std::less<>> node_of_pod;  // By UID.
    std::map<ObjectKey, Promise> promises;
  };

  static void forget_pod(Tables& tables, const std::string& uid);

  Guarded<Tables> tables_;
};

// GPUs a pod holds: requests of nvidia.com/gpu over its containers; 0 once it has ended.
int gpus_of_pod(const Json& pod);
// What the informers of pods and nodes keep of each document.
void trim_pod(Json& pod);
void trim_node(Json& node);

}  // namespace rage::op
