// Prefers, or keeps, who is near the endpoint that an earlier stage of the decision chose.
#include <string>
#include <utility>

#include "routing/detail/plugins.h"

namespace rage::routing::detail {
namespace {

enum class Level { kNone, kRegion, kZone, kRack, kHost };

double score_of(Level level) {
  switch (level) {
    case Level::kHost:
      return 1;
    case Level::kRack:
      return 0.2;
    case Level::kZone:
      return 0.05;
    case Level::kRegion:
      return 0.02;
    case Level::kNone:
      return 0;
  }
  return 0;
}

// A label that is missing or empty is equal to nothing.
bool share(const Endpoint& a, const Endpoint& b, const std::string& label) {
  const auto of_a = a.labels.find(label);
  if (of_a == a.labels.end() || of_a->second.empty()) return false;
  const auto of_b = b.labels.find(label);
  return of_b != b.labels.end() && of_a->second == of_b->second;
}

Level nearness(const TopologyLabels& labels, const Endpoint& a, const Endpoint& b) {
  if (share(a, b, labels.host)) return Level::kHost;
  if (share(a, b, labels.rack)) return Level::kRack;
  if (share(a, b, labels.zone)) return Level::kZone;
  return share(a, b, labels.region) ? Level::kRegion : Level::kNone;
}

}  // namespace

TopologyLabels read_topology_labels(ParameterReader& parameters) {
  TopologyLabels labels;
  labels.host = parameters.text("hostname", parameters.text("host", labels.host));
  labels.rack = parameters.text("rack", labels.rack);
  labels.zone = parameters.text("zone", labels.zone);
  labels.region = parameters.text("region", labels.region);
  return labels;
}

Plugin topology_affinity_filter(ParameterReader& parameters, const TopologyLabels& labels) {
  const std::string floor = parameters.one_of("minAffinity", {"host", "rack", "zone", "region"});
  parameters.text("topologyProducerName");
  const Level level = floor == "host"   ? Level::kHost
                      : floor == "rack" ? Level::kRack
                      : floor == "zone" ? Level::kZone
                                        : Level::kRegion;
  return {.filter = [near = prefer_if([=](const Cycle& cycle, const Endpoint& endpoint) {
                       return nearness(labels, cycle.endpoints[*cycle.peer], endpoint) >= level;
                     })](Cycle& cycle, Candidates& kept) {
    if (cycle.peer) near(cycle, kept);
  }};
}

Plugin topology_affinity_scorer(ParameterReader& parameters, const TopologyLabels& labels) {
  parameters.text("topologyProducerName");
  return {.score = score_each([=](const Cycle& cycle, std::uint32_t i) {
            if (!cycle.peer) return 0.0;
            return score_of(nearness(labels, cycle.endpoints[*cycle.peer], cycle.endpoints[i]));
          })};
}

}  // namespace rage::routing::detail
