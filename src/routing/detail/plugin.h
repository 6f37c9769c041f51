// What a scheduling plugin can be: functions over a decision, and what learns from them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"
#include "routing/detail/cycle.h"
#include "routing/detail/parameter_reader.h"

namespace rage::routing::detail {

using Candidates = std::vector<std::uint32_t>;  // Ascending indexes into Cycle::endpoints.

// All are called from many threads at once.
using FilterFunction = std::function<void(Cycle&, Candidates& kept)>;
// `scores` are zero at first, one a candidate; what is outside of [0, 1] is clamped.
using ScoreFunction =
    std::function<void(const Cycle&, std::span<const std::uint32_t>, std::span<double> scores)>;
// Fills endpoints and scores; `candidates` is not empty.
using PickFunction = std::function<void(Cycle&, std::span<const std::uint32_t> candidates,
                                        std::span<const double> scores, ProfileResult&)>;
// Does this request need the other stage, when `endpoint` decodes?
using DecideFunction = std::function<bool(const Cycle&, std::uint32_t endpoint)>;

// Interface. Thread-safe.
class Learner {
 public:
  virtual ~Learner() = default;
  virtual void annotate(std::span<const Endpoint> /*candidates*/, Schedule& /*schedule*/) const {}
  virtual void commit(const SchedulingRequest& /*request*/,
                      std::span<const Endpoint> /*candidates*/, const Schedule& /*schedule*/,
                      SteadyTime /*now*/) {}
  virtual void retain(std::span<const Endpoint> /*endpoints*/) {}
  virtual codec::Json debug_state() const { return codec::Json::object(); }
};

// Value. What one is not stays empty.
struct Plugin {
  FilterFunction filter = {};
  ScoreFunction score = {};
  PickFunction pick = {};
  DecideFunction decide = {};
  std::shared_ptr<Learner> learner = {};
};

// Runs a profile: none if there is no such profile or its filters left nobody.
using RunProfile = std::function<std::optional<ProfileResult>(Cycle&, std::string_view name)>;
// Fills primary, others and request_headers.
using HandlerFunction = std::function<Result<void>(Cycle&, const RunProfile&, Schedule&)>;

struct HandlerContext {
  std::vector<std::string> profiles;
  // Null, and a complaint at `key`, unless it is a declared decider.
  std::function<DecideFunction(ParameterReader&, std::string_view key)> decider;
};

// Names of the labels that tell where an endpoint is.
struct TopologyLabels {
  std::string host = "kubernetes.io/hostname";
  std::string rack = "topology.kubernetes.io/rack";
  std::string zone = "topology.kubernetes.io/zone";
  std::string region = "topology.kubernetes.io/region";
};

// Calls `score` with each candidate.
template <class F>
ScoreFunction score_each(F score) {
  return [score = std::move(score)](const Cycle& cycle, std::span<const std::uint32_t> candidates,
                                    std::span<double> scores) {
    for (std::size_t i = 0; i < candidates.size(); ++i) scores[i] = score(cycle, candidates[i]);
  };
}

// Keeps those for which `keep` is true.
template <class F>
FilterFunction keep_if(F keep) {
  return [keep = std::move(keep)](Cycle& cycle, Candidates& kept) {
    std::erase_if(kept, [&](std::uint32_t i) { return !keep(cycle, cycle.endpoints[i]); });
  };
}

// The same, but leaves all when it would leave none.
template <class F>
FilterFunction prefer_if(F keep) {
  return [keep = std::move(keep)](Cycle& cycle, Candidates& kept) {
    Candidates preferred;
    for (const std::uint32_t i : kept) {
      if (keep(cycle, cycle.endpoints[i])) preferred.push_back(i);
    }
    if (!preferred.empty()) kept = std::move(preferred);
  };
}

// Empty: unknown type. What is wrong with the parameters is left in the reader.
std::optional<Plugin> make_plugin(std::string_view type, ParameterReader& parameters,
                                  const TopologyLabels& topology);
HandlerFunction make_handler(std::string_view type, ParameterReader& parameters,
                             const HandlerContext& context);

}  // namespace rage::routing::detail
