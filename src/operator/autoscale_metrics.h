// What a model server tells about itself: Prometheus' text format, only the series we look for.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "operator/autoscale.h"

namespace rage::op {

// The sum over all series of that name, whatever their labels; none if there is none with a finite
// value. What cannot be read is skipped.
std::optional<double> sum_of_metric(std::string_view text, std::string_view name);

// The metric, and what tells whether the server works: vLLM's and llama-server's own series.
ReplicaLoad parse_replica_load(std::string_view text, std::string_view metric);

// Where a replica is asked.
struct MetricsTarget {
  std::string ip;
  int port = 5000;
  std::string ns;
  std::string pod;
};
// `pattern` with {ip}, {port}, {namespace} and {pod} filled in; IPv6 addresses get brackets.
std::string metrics_url(std::string_view pattern, const MetricsTarget& target);

}  // namespace rage::op
