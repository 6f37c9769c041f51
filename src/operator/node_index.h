// Nodes and the GPUs that pods hold on them, kept parsed: planning the nodes of one Workspace looks
// at every node of the cluster, thousands of times.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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
    ObjectKey workspace;  // Its pods' label; empty if none.
    int gpus = 0;
  };
  struct Promise {
    std::vector<std::string> nodes;
    int gpus = 0;
  };
  // Of one Workspace on one node, its pods or its promise, whichever is more.
  struct Holding {
    int bound = 0;
    int promised = 0;
    int gpus() const { return std::max(bound, promised); }
  };
  struct OnNode {
    std::optional<NodeView> view;  // None: pods were seen before their node.
    std::map<ObjectKey, Holding> holdings;
    int gpus_used = 0;  // The sum of `holdings`.
  };
  struct Tables {
    std::map<std::string, OnNode, std::less<>> nodes;
    std::map<std::string, Claim, std::less<>> pods;  // By UID.
    std::map<ObjectKey, Promise> promises;
  };

  template <class Change>
  static void change_holding(Tables& tables, const std::string& node, const ObjectKey& workspace,
                             Change change);
  static void forget_pod(Tables& tables, const std::string& uid);

  Guarded<Tables> tables_;
};

// GPUs a pod holds: requests of nvidia.com/gpu over its containers; 0 once it has ended.
int gpus_of_pod(const Json& pod);
// What the informers of pods and nodes keep of each document.
void trim_pod(Json& pod);
void trim_node(Json& node);

}  // namespace rage::op
