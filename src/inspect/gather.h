// Looks at a cluster: lists, and gets what the lists name. Reads only.
#pragma once

#include <string>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "inspect/cluster.h"
#include "inspect/world.h"

namespace rage::inspect {

enum class Scope {
  kFamily,    // What belongs together: our kinds, workloads, pods.
  kDescribe,  // Also their claims, services, revisions and events.
  kDoctor,    // Also nodes, other namespaces' pods, the operator, CRDs, webhooks, what is named.
};

// `ns` empty: every namespace. What may not be read is noted in `unseen`; what the server does not
// have, in `unknown_kinds`. An error only if the server does not answer.
Result<World> gather(const Context& context, kube::KubeClient& client, const std::string& ns,
                     Scope scope);

// The Secrets, ConfigMaps and Services that objects of `world` name, and the last lines of
// containers that fail. At most 200 of the former and 10 of the latter.
Result<void> gather_named(const Context& context, kube::KubeClient& client,
                          const std::vector<const Json*>& objects, World& world);

// "deployments/log" paths: what of a container's log, as its query.
struct LogQuery {
  std::string container = {};
  bool follow = false;
  bool previous = false;
  bool timestamps = false;
  int tail_lines = -1;             // Below 0: all.
  std::int64_t since_seconds = 0;  // 0: all.
};
std::string log_path(const ObjectKey& pod, const LogQuery& query);

}  // namespace rage::inspect
