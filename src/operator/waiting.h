// Whom a node may matter to: one that appears, becomes ready or frees its labels wakes the objects
// whose selector it matches. Kept parsed, because nodes change often.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "apis/meta.h"
#include "base/mutex.h"
#include "kube/controller.h"
#include "kube/informer.h"
#include "operator/nodes.h"

namespace rage::op {

// Resource. Thread-safe. Outlives the informers that feed it.
class WaitingForNodes final {
 public:
  // `resource_path`: where an object has its ResourceSpec, such as {"spec", "compute"}; one without
  // waits for no node.
  explicit WaitingForNodes(std::vector<std::string> resource_path)
      : resource_path_(std::move(resource_path)) {}

  // Before the informers start. `controller` gets the keys.
  void watch(kube::Informer& objects, kube::Informer& nodes, kube::Controller& controller);

 private:
  void on_object(const kube::Change& change);
  void on_node(const kube::Change& change, kube::Controller& controller);

  const std::vector<std::string> resource_path_;
  Guarded<std::map<ObjectKey, apis::StringMap>> selectors_;
};

// Something that planning looks at differs; `before` or `after` may be null.
bool node_matters(const kube::Change& change);

}  // namespace rage::op
