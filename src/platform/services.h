// What a person may call of what runs: one line each for the gateway, RAG engines, the assistant
// and models, with an address that can be dialled from this machine. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "kube/client.h"
#include "node/service_table.h"

namespace rage::platform {

using codec::Json;

struct RunningService {
  std::string name;    // "gateway", "rag", "assistant", or a model's name.
  std::string object;  // "Gateway default/kaito-gateway"
  std::string url;     // Empty: it has no Service yet.
  bool ready = false;
  std::string why = {};          // Not ready: what it waits for.
  std::string substituted = {};  // "phi-4 -> packaged:NAME": the model that stands in.
};

// Value. The objects that are looked at.
struct ServicesView {
  std::vector<Json> gateways;
  std::vector<Json> rag_engines;
  std::vector<Json> inference_sets;
  std::vector<Json> workspaces;  // Those of sets are left out.
  std::vector<Json> deployments;
  std::vector<Json> rollouts;
  std::vector<Json> services;
  std::vector<Json> pods;
  std::vector<node::ServiceAddress> addresses;  // Where Services are dialled.
};

// Sorted: gateways, RAG engines, assistants, models. The first of a sort has the plain name, others
// "gateway/NAMESPACE/NAME".
std::vector<RunningService> running_services(const ServicesView& view);

// Kinds that are not served count as empty.
Result<ServicesView> view_services(const Context& context, kube::KubeClient& client);

}  // namespace rage::platform
