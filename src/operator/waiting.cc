#include "operator/waiting.h"

#include <string>
#include <utility>
#include <vector>

#include "apis/workspace.h"
#include "operator/detail/node_conditions.h"
#include "operator/serving.h"

namespace rage::op {

bool node_matters(const kube::Change& change) {
  if (!change.before || !change.after) return true;
  const NodeView before = view_node(change.before->document());
  const NodeView after = view_node(change.after->document());
  return before.ready != after.ready || before.deleting != after.deleting ||
         before.labels.get() != after.labels.get() || before.gpus_capacity != after.gpus_capacity ||
         before.pressure != after.pressure;
}

void WaitingForNodes::watch(kube::Informer& objects, kube::Informer& nodes,
                            kube::Controller& controller) {
  objects.on_change([this](const kube::Change& change) { on_object(change); });
  nodes.on_change([this, &nodes, &controller](const kube::Change& change) {
    // Until the first list is complete every object is in the queue anyway.
    if (nodes.synced()) on_node(change, controller);
  });
}

void WaitingForNodes::on_object(const kube::Change& change) {
  const ObjectKey key = change.latest().meta().key();
  const Json document = change.after ? change.after->document() : Json();
  const Json* resource = &document;
  for (const std::string& part : resource_path_) {
    if (resource != nullptr) resource = codec::find_key(*resource, part);
  }
  if (resource == nullptr) {
    selectors_.with([&](auto& selectors) { selectors.erase(key); });
    return;
  }
  const Json* selector = codec::find_key(*resource, "labelSelector");
  apis::StringMap labels;
  if (selector != nullptr) labels = sanitized_selector(apis::parse_label_selector(*selector));
  selectors_.with([&](auto& selectors) { selectors[key] = std::move(labels); });
}

void WaitingForNodes::on_node(const kube::Change& change, kube::Controller& controller) {
  if (!node_matters(change)) return;
  std::vector<ObjectKey> keys;
  selectors_.with([&](const auto& selectors) {
    for (const auto& [key, selector] : selectors) {
      const bool was = change.before && detail::has_labels(change.before->meta().labels, selector);
      const bool is = change.after && detail::has_labels(change.after->meta().labels, selector);
      if (was || is) keys.push_back(key);
    }
  });
  for (const ObjectKey& key : keys) controller.enqueue(key);
}

}  // namespace rage::op
