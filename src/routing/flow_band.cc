#include "routing/detail/flow_band.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"

namespace rage::routing::detail {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Least attained service: 0.8 for service, a halving of it being one, and 0.2 for the wait of the
// head, a half-life being one. Logarithms turn decay into a term that is the same for all flows, so
// the order of two flows changes only when one of them is served: no flow needs to be looked at
// again as time goes by.
constexpr double kServiceWeight = 0.8;
constexpr double kWaitWeight = 0.2;
constexpr double kScorePrecision = 1e9;

std::int64_t nanoseconds(SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

struct FlowBand::Flow {
  std::string fairness_id;
  std::map<Place, Waiting*> queue = {};
  Place rank = {};  // Key in ready_, while the queue is not empty.
  std::int64_t turn = 0;
  // log2 of what the attained service would have been at the clock's beginning, given its decay.
  double service_log = 0;
  std::uint64_t bytes = 0;
  SteadyTime idle_since = {};
  std::list<Flow*>::iterator idle = {};  // In idle_, while the queue is empty.
};

FlowBand::FlowBand(std::int32_t priority, const BandOptions& band,
                   const FlowControlOptions& options, SteadyTime now)
    : priority_(priority),
      band_(band),
      idle_flows_max_(band.fairness == FairnessPolicy::kProgramAware ? options.idle_flows_max : 0),
      idle_flow_ttl_(options.idle_flow_ttl),
      half_life_(options.service_half_life),
      idle_since_(now) {}

FlowBand::~FlowBand() = default;

bool FlowBand::fits(std::uint64_t bytes) const {
  if (band_.requests_max != 0 && requests_ >= band_.requests_max) return false;
  return band_.bytes_max == 0 || (bytes <= band_.bytes_max && bytes_ <= band_.bytes_max - bytes);
}

BandStatus FlowBand::status() const {
  return {.priority = priority_,
          .requests = requests_,
          .bytes = bytes_,
          .requests_max = band_.requests_max,
          .bytes_max = band_.bytes_max,
          .idle_flows = idle_.size()};
}

void FlowBand::append_flows(std::vector<FlowStatus>& out) const {
  for (const auto& [place, flow] : ready_) {
    out.push_back({.flow = {.fairness_id = flow->fairness_id, .priority = priority_},
                   .requests = flow->queue.size(),
                   .bytes = flow->bytes});
  }
}

std::int64_t FlowBand::order_key(const QueuedRequest& request,
                                 std::chrono::milliseconds ttl) const {
  const std::int64_t slo = request.slo_deadline ? nanoseconds(*request.slo_deadline) : kNever;
  switch (band_.ordering) {
    case OrderingPolicy::kFcfs:
      return nanoseconds(request.arrived_at);
    case OrderingPolicy::kEdf:
      return ttl.count() == 0 ? slo : std::min(slo, nanoseconds(request.arrived_at + ttl));
    case OrderingPolicy::kSloDeadline:
      return slo;
  }
  UNREACHABLE();
}

void FlowBand::add(Waiting& waiting, SteadyTime now) {
  Flow& flow = flow_of(waiting.request.flow.fairness_id, now);
  const bool was_idle = flow.queue.empty();
  flow.queue.emplace(waiting.place, &waiting);
  flow.bytes += waiting.request.bytes;
  ++requests_;
  bytes_ += waiting.request.bytes;
  if (was_idle) {
    idle_.erase(flow.idle);
    flow.turn = ++turns_;
    // Nobody has had less than one token: who comes late does not pass those who wait already.
    flow.service_log = std::max(flow.service_log, half_lives(now));
  } else {
    ready_.erase(flow.rank);
  }
  rank(flow);
}

Waiting& FlowBand::head() const {
  CHECK(!ready_.empty());
  return *ready_.begin()->second->queue.begin()->second;
}

void FlowBand::take(Waiting& head, SteadyTime now) {
  remove(head, Turn::kTaken, now);
}

void FlowBand::remove(Waiting& waiting, SteadyTime now) {
  remove(waiting, Turn::kKept, now);
}

void FlowBand::remove(Waiting& waiting, Turn turn, SteadyTime now) {
  const auto found = flows_.find(waiting.request.flow.fairness_id);
  CHECK(found != flows_.end());
  Flow& flow = *found->second;
  CHECK(flow.queue.erase(waiting.place) == 1);
  ready_.erase(flow.rank);
  flow.bytes -= waiting.request.bytes;
  --requests_;
  bytes_ -= waiting.request.bytes;
  if (turn == Turn::kTaken) flow.turn = ++turns_;
  if (requests_ == 0) idle_since_ = now;
  if (flow.queue.empty()) {
    rest(flow, now);
  } else {
    rank(flow);
  }
}

void FlowBand::add_service(const std::string& fairness_id, double tokens, SteadyTime now) {
  if (band_.fairness != FairnessPolicy::kProgramAware || idle_flows_max_ == 0) return;
  Flow& flow = flow_of(fairness_id, now);
  const double decayed = std::exp2(flow.service_log - half_lives(now));
  flow.service_log = std::log2(std::max(1.0, decayed + tokens)) + half_lives(now);
  if (flow.queue.empty()) {
    idle_.erase(flow.idle);
    rest(flow, now);
  } else {
    ready_.erase(flow.rank);
    rank(flow);
  }
}

void FlowBand::forget_idle_flows(SteadyTime now) {
  while (!idle_.empty() && idle_.front()->idle_since + idle_flow_ttl_ <= now) {
    const Flow* flow = idle_.front();
    idle_.pop_front();
    flows_.erase(std::string(flow->fairness_id));
  }
}

// A new flow is idle: it has nothing waiting yet.
FlowBand::Flow& FlowBand::flow_of(const std::string& fairness_id, SteadyTime now) {
  std::unique_ptr<Flow>& slot = flows_[fairness_id];
  if (slot == nullptr) {
    slot = std::make_unique<Flow>(Flow{.fairness_id = fairness_id});
    slot->service_log = half_lives(now);
    slot->idle_since = now;
    slot->idle = idle_.insert(idle_.end(), slot.get());
  }
  return *slot;
}

// Files a flow that waits under what its fairness policy says.
void FlowBand::rank(Flow& flow) {
  const Place& head = flow.queue.begin()->first;
  switch (band_.fairness) {
    case FairnessPolicy::kGlobalStrict:
      flow.rank = head;
      break;
    case FairnessPolicy::kRoundRobin:
      flow.rank = {.key = flow.turn, .arrival = 0, .sequence = head.sequence};
      break;
    case FairnessPolicy::kProgramAware: {
      const SteadyTime arrived = flow.queue.begin()->second->request.arrived_at;
      const double score = kServiceWeight * flow.service_log + kWaitWeight * half_lives(arrived);
      flow.rank = {.key = std::llround(score * kScorePrecision),
                   .arrival = head.arrival,
                   .sequence = head.sequence};
      break;
    }
  }
  CHECK(ready_.emplace(flow.rank, &flow).second);
}

// Nothing of the flow waits any more: it is remembered if what it was given matters.
void FlowBand::rest(Flow& flow, SteadyTime now) {
  flow.idle_since = now;
  flow.idle = idle_.insert(idle_.end(), &flow);
  while (idle_.size() > idle_flows_max_) {
    const Flow* oldest = idle_.front();
    idle_.pop_front();
    flows_.erase(std::string(oldest->fairness_id));
  }
}

double FlowBand::half_lives(SteadyTime time) const {
  return std::chrono::duration<double>(time.time_since_epoch()) /
         std::chrono::duration<double>(half_life_);
}

}  // namespace rage::routing::detail
