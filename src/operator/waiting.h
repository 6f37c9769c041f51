// Which Workspaces a node may matter to: a node that appears, becomes ready or frees its labels
// wakes those whose selector it matches. Kept parsed, because nodes change often.
#pragma once

#include <map>

#include "apis/meta.h"
#include "base/mutex.h"
#include "kube/controller.h"
#include "kube/informer.h"
#include "operator/nodes.h"

namespace rage::op {

// Resource. Thread-safe. Outlives the informers that feed it.
class WaitingForNodes final {
 public:
  // Before the informers start. `controller` gets the keys.
  void watch(kube::Informer& workspaces, kube::Informer& nodes, kube::Controller& controller);

 private:
  void on_workspace(const kube::Change& change);
  void on_node(const kube::Change& change, kube::Controller& controller);

  Guarded<std::map<ObjectKey, apis::StringMap>> selectors_;
};

// Something that planning looks at differs; `before` or `after` may be null.
bool node_matters(const kube::Change& change);

}  // namespace rage::op
