#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "routing/detail/drain_rate.h"
#include "routing/detail/flow_band.h"
#include "routing/flow_control.h"

namespace rage::routing {
namespace {

using detail::FlowBand;
using detail::Waiting;
using std::chrono::milliseconds;

class FairQueues final : public FlowController {
 public:
  explicit FairQueues(FlowControlOptions options) : options_(std::move(options)) {
    CHECK(options_.validate().has_value());
    for (const auto& [priority, rules] : options_.bands) {
      bands_.try_emplace(priority, priority, rules, options_, SteadyTime());
    }
  }

  std::optional<FlowDecision> enqueue(QueuedRequest request, const PoolState& pool,
                                      SteadyTime now) override;
  std::optional<FlowDecision> dispatch(const PoolState& pool, SteadyTime now) override;
  std::vector<FlowDecision> expire(const PoolState& pool, SteadyTime now) override;
  std::optional<FlowDecision> cancel(std::uint64_t id, SteadyTime now) override;
  std::vector<FlowDecision> drain(SteadyTime now) override;
  std::optional<SteadyTime> next_expiry() const override;
  std::uint64_t waiting_requests() const override { return waiting_.size(); }
  std::uint64_t waiting_bytes() const override { return bytes_; }
  void add_service(const FlowKey& flow, std::uint64_t input_tokens, std::uint64_t output_tokens,
                   SteadyTime now) override;
  std::vector<BandStatus> bands() const override;
  std::vector<FlowStatus> flows() const override;

 private:
  using Bands = std::map<std::int32_t, FlowBand, std::greater<>>;

  void observe(const PoolState& pool, SteadyTime now);
  FlowBand* find_or_add_band(std::int32_t priority, SteadyTime now);
  void forget_idle_bands(SteadyTime now);
  bool open(const FlowBand& band, double saturation);
  bool fits(std::uint64_t bytes) const;
  SteadyTime deadline_of(const Waiting& waiting) const;
  std::chrono::seconds retry_after(std::int32_t priority, SteadyTime now) const;
  FlowDecision refuse(const QueuedRequest& request, FlowOutcome outcome, SteadyTime now) const;
  void forget(Waiting& waiting);  // It is in no band any more.

  const FlowControlOptions options_;
  Bands bands_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;        // By id.
  std::set<std::pair<SteadyTime, std::uint64_t>> deadlines_;  // With id.
  std::uint64_t bytes_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t soft_ceiling_calls_ = 0;
  std::optional<bool> has_endpoints_;  // None: no call has said so yet.
  SteadyTime regime_since_ = SteadyTime::min();
  detail::DrainRate drain_rate_;
};

milliseconds waited(const QueuedRequest& request, SteadyTime now) {
  return std::max(milliseconds(0),
                  std::chrono::duration_cast<milliseconds>(now - request.arrived_at));
}

// The client may shorten the wait, not lengthen it.
milliseconds effective_ttl(const QueuedRequest& request, milliseconds configured) {
  if (!request.ttl || *request.ttl <= milliseconds(0)) return configured;
  const milliseconds wish = std::min<milliseconds>(*request.ttl, kTtlMax);
  return configured == milliseconds(0) ? wish : std::min(wish, configured);
}

std::optional<FlowDecision> FairQueues::enqueue(QueuedRequest request, const PoolState& pool,
                                                SteadyTime now) {
  observe(pool, now);
  CHECK(!waiting_.contains(request.id));
  FlowBand* band = find_or_add_band(request.flow.priority, now);
  if (band == nullptr || !band->fits(request.bytes) || !fits(request.bytes)) {
    const auto outcome =
        pool.has_endpoints ? FlowOutcome::kRejectedCapacity : FlowOutcome::kRejectedNoEndpoints;
    return refuse(request, outcome, now);
  }
  Waiting& waiting = waiting_[request.id];
  const BandOptions& rules = options_.band(request.flow.priority);
  waiting.request = std::move(request);
  waiting.ttl = effective_ttl(waiting.request, rules.request_ttl.value_or(options_.request_ttl));
  waiting.deadline = deadline_of(waiting);
  const auto arrival = std::chrono::duration_cast<std::chrono::nanoseconds>(
      waiting.request.arrived_at.time_since_epoch());
  waiting.place = {.key = band->order_key(waiting.request, waiting.ttl),
                   .arrival = arrival.count(),
                   .sequence = ++sequence_};
  if (waiting.deadline != SteadyTime::max()) {
    deadlines_.emplace(waiting.deadline, waiting.request.id);
  }
  bytes_ += waiting.request.bytes;
  band->add(waiting, now);
  return std::nullopt;
}

std::optional<FlowDecision> FairQueues::dispatch(const PoolState& pool, SteadyTime now) {
  observe(pool, now);
  if (!pool.has_endpoints || waiting_.empty()) return std::nullopt;
  const auto first = std::find_if(bands_.begin(), bands_.end(),
                                  [](const auto& entry) { return !entry.second.empty(); });
  CHECK(first != bands_.end());
  FlowBand& band = first->second;
  if (!open(band, pool.saturation)) return std::nullopt;
  Waiting& head = band.head();
  const FlowDecision decision{.id = head.request.id,
                              .outcome = FlowOutcome::kDispatched,
                              .waited = waited(head.request, now)};
  band.take(head, now);
  forget(head);
  drain_rate_.count(now);
  return decision;
}

std::vector<FlowDecision> FairQueues::expire(const PoolState& pool, SteadyTime now) {
  observe(pool, now);
  std::vector<FlowDecision> expired;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Waiting& waiting = waiting_.at(deadlines_.begin()->second);
    bands_.at(waiting.request.flow.priority).remove(waiting, now);
    expired.push_back(refuse(waiting.request, FlowOutcome::kEvictedTtl, now));
    forget(waiting);
  }
  forget_idle_bands(now);
  return expired;
}

std::optional<FlowDecision> FairQueues::cancel(std::uint64_t id, SteadyTime now) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return std::nullopt;
  Waiting& waiting = found->second;
  bands_.at(waiting.request.flow.priority).remove(waiting, now);
  const FlowDecision decision = refuse(waiting.request, FlowOutcome::kEvictedCancelled, now);
  forget(waiting);
  return decision;
}

std::vector<FlowDecision> FairQueues::drain(SteadyTime now) {
  std::vector<FlowDecision> drained;
  drained.reserve(waiting_.size());
  for (auto& [priority, band] : bands_) {
    while (!band.empty()) {
      Waiting& head = band.head();
      drained.push_back(refuse(head.request, FlowOutcome::kShuttingDown, now));
      band.take(head, now);
      forget(head);
    }
  }
  return drained;
}

std::optional<SteadyTime> FairQueues::next_expiry() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

void FairQueues::add_service(const FlowKey& flow, std::uint64_t input_tokens,
                             std::uint64_t output_tokens, SteadyTime now) {
  const auto band = bands_.find(flow.priority);
  if (band == bands_.end()) return;  // Long idle: it has forgotten all flows.
  const double tokens = static_cast<double>(input_tokens) + 2 * static_cast<double>(output_tokens);
  band->second.add_service(flow.fairness_id, tokens, now);
}

std::vector<BandStatus> FairQueues::bands() const {
  std::vector<BandStatus> out;
  out.reserve(bands_.size());
  for (const auto& [priority, band] : bands_) out.push_back(band.status());
  return out;
}

std::vector<FlowStatus> FairQueues::flows() const {
  std::vector<FlowStatus> out;
  for (const auto& [priority, band] : bands_) band.append_flows(out);
  return out;
}

// A pool that became empty, or stopped being so, gives everyone the time of the new situation: who
// waited for a cold start is not refused the moment it succeeds.
void FairQueues::observe(const PoolState& pool, SteadyTime now) {
  if (has_endpoints_ == pool.has_endpoints) return;
  if (has_endpoints_) regime_since_ = now;
  has_endpoints_ = pool.has_endpoints;
  deadlines_.clear();
  for (auto& [id, waiting] : waiting_) {
    waiting.deadline = deadline_of(waiting);
    if (waiting.deadline != SteadyTime::max()) deadlines_.emplace(waiting.deadline, id);
  }
}

SteadyTime FairQueues::deadline_of(const Waiting& waiting) const {
  const milliseconds budget =
      has_endpoints_.value_or(true) ? waiting.ttl : options_.no_endpoint_ttl.value_or(waiting.ttl);
  if (budget == milliseconds(0)) return SteadyTime::max();
  return std::max(waiting.request.arrived_at, regime_since_) + budget;
}

FlowBand* FairQueues::find_or_add_band(std::int32_t priority, SteadyTime now) {
  const auto found = bands_.find(priority);
  if (found != bands_.end()) return &found->second;
  if (bands_.size() >= options_.bands_max) {
    forget_idle_bands(now);
    if (bands_.size() >= options_.bands_max) return nullptr;
  }
  return &bands_.try_emplace(priority, priority, options_.band(priority), options_, now)
              .first->second;
}

void FairQueues::forget_idle_bands(SteadyTime now) {
  for (auto band = bands_.begin(); band != bands_.end();) {
    band->second.forget_idle_flows(now);
    const bool idle = band->second.empty() &&
                      band->second.idle_since() + options_.idle_band_ttl <= now &&
                      !options_.bands.contains(band->first);
    band = idle ? bands_.erase(band) : std::next(band);
  }
}

bool FairQueues::open(const FlowBand& band, double saturation) {
  std::vector<std::int32_t> priorities;
  priorities.reserve(bands_.size());
  for (const auto& [priority, other] : bands_) priorities.push_back(priority);
  const auto at = std::find(priorities.begin(), priorities.end(), band.priority());
  const auto index = static_cast<std::size_t>(at - priorities.begin());
  const UsageLimitOptions& limits = options_.usage_limit;
  const auto below = [&](std::size_t i) {
    return saturation < ceiling(limits, priorities, i, saturation);  // False for NaN.
  };
  if (limits.policy != UsageLimitPolicy::kSoftReflective) return below(index);
  // One count for all bands, so that a lower one is never open while a higher one is closed.
  const std::uint64_t period = soft_ceiling_period(saturation);
  if (!below(priorities.size() - 1)) ++soft_ceiling_calls_;
  return below(index) || (period != 0 && soft_ceiling_calls_ % period == 0);
}

bool FairQueues::fits(std::uint64_t bytes) const {
  if (options_.requests_max != 0 && waiting_.size() >= options_.requests_max) return false;
  const std::uint64_t limit = options_.bytes_max;
  return limit == 0 || (bytes <= limit && bytes_ <= limit - bytes);
}

std::chrono::seconds FairQueues::retry_after(std::int32_t priority, SteadyTime now) const {
  const double rate = drain_rate_.per_second(now);
  double ahead = 1;
  for (const auto& [other, band] : bands_) {
    if (other < priority) break;
    ahead += static_cast<double>(band.requests());
  }
  const auto most = static_cast<double>(options_.retry_after_max.count());
  const double wait = rate > 0 ? std::min(most, std::ceil(ahead / rate)) : most;
  return std::max(options_.retry_after_min, std::chrono::seconds(static_cast<int>(wait)));
}

FlowDecision FairQueues::refuse(const QueuedRequest& request, FlowOutcome outcome,
                                SteadyTime now) const {
  return {.id = request.id,
          .outcome = outcome,
          .waited = waited(request, now),
          .retry_after = retry_after(request.flow.priority, now)};
}

void FairQueues::forget(Waiting& waiting) {
  bytes_ -= waiting.request.bytes;
  deadlines_.erase({waiting.deadline, waiting.request.id});
  waiting_.erase(std::uint64_t{waiting.request.id});
}

}  // namespace

std::unique_ptr<FlowController> make_flow_controller(FlowControlOptions options) {
  return std::make_unique<FairQueues>(std::move(options));
}

}  // namespace rage::routing
