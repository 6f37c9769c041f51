// GET .../pods/NAME/log. Source: core/v1 PodLogOptions.
#pragma once

#include "base/context.h"
#include "cluster/objects.h"
#include "cluster/pod_logs.h"
#include "codec/uri.h"
#include "net/http_server.h"

namespace rage::cluster::detail {

// Of those that the pod has; `asked` may be empty if it has one. A bad request names the choices.
Result<std::string> container_of(const Json& pod, const std::string& asked);

// Which container of the pod is meant, and how much of its log. Pure. A bad request names the
// choices.
Result<PodLogQuery> parse_log_query(const Json& pod, const codec::QueryParameters& parameters);

// Answers, unless it fails. `logs` may be null: nothing here runs pods.
Result<void> serve_pod_log(const Context& context, const Json& pod,
                           const codec::QueryParameters& parameters, PodLogs* logs,
                           net::ResponseWriter& writer);

}  // namespace rage::cluster::detail
