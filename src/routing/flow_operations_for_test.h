// Runs flow control and its model side by side through any sequence of operations.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "routing/flow_model_for_test.h"

namespace rage::routing {

class FlowOperations final {
 public:
  // `draw(n)` gives a number below n.
  using Draw = std::function<std::uint64_t(std::uint64_t)>;

  explicit FlowOperations(Draw draw)
      : draw_(std::move(draw)),
        options_(options()),
        real_(make_flow_controller(options_)),
        model_(options_) {}

  // What went wrong; empty: nothing.
  std::string step() {
    now_ += std::chrono::nanoseconds(draw_(2'000'000'000));
    pool_.saturation = static_cast<double>(draw_(24)) / 20;
    if (draw_(16) == 0) pool_.has_endpoints = !pool_.has_endpoints;
    std::string wrong;
    switch (draw_(10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        wrong = enqueue();
        break;
      case 4:
      case 5:
      case 6:
        wrong = dispatch();
        break;
      case 7:
        wrong = expire();
        break;
      case 8:
        wrong = cancel();
        break;
      default:
        add_service();
    }
    return wrong.empty() ? compare() : wrong;
  }

  // Everything that came in has left exactly once.
  std::string finish() {
    std::set<std::uint64_t> drained;
    for (const FlowDecision& decision : real_->drain(now_)) {
      if (decision.outcome != FlowOutcome::kShuttingDown || !decision.retry_after) return "drain";
      if (!drained.insert(decision.id).second) return "drained twice";
    }
    if (drained != model_.ids()) return "drained others than those that waited";
    return real_->waiting_requests() == 0 && real_->waiting_bytes() == 0 ? "" : "something stayed";
  }

 private:
  FlowControlOptions options() {
    using std::chrono::seconds;
    FlowControlOptions options;
    options.requests_max = draw_(2) == 0 ? 0 : 5 + draw_(20);
    options.bytes_max = draw_(2) == 0 ? 0 : 1000 + draw_(5000);
    options.request_ttl = seconds(draw_(60));
    if (draw_(2) == 0) options.no_endpoint_ttl = seconds(draw_(120));
    for (std::uint64_t count = draw_(3); count > 0; --count) {
      options.bands[static_cast<std::int32_t>(draw_(5)) - 2] = band();
    }
    options.default_band = band();
    if (draw_(2) == 0) options.default_negative_band = band();
    options.usage_limit.policy = static_cast<UsageLimitPolicy>(draw_(3));
    options.usage_limit.domain = static_cast<HoldbackDomain>(draw_(2));
    options.usage_limit.ceiling_min = static_cast<double>(draw_(10)) / 10;
    options.idle_band_ttl = seconds(draw_(30));
    options.idle_flow_ttl = kTtlMax;  // The model never forgets.
    return options;
  }
  BandOptions band() {
    BandOptions band;
    band.requests_max = draw_(3) == 0 ? 0 : 1 + draw_(20);
    band.bytes_max = draw_(3) == 0 ? 0 : 500 + draw_(5000);
    band.fairness = static_cast<FairnessPolicy>(draw_(3));
    band.ordering = static_cast<OrderingPolicy>(draw_(3));
    if (draw_(3) == 0) band.request_ttl = std::chrono::seconds(draw_(30));
    return band;
  }
  FlowKey flow() {
    return {.fairness_id = std::string(1, static_cast<char>('a' + draw_(4))),
            .priority = static_cast<std::int32_t>(draw_(7)) - 3};
  }

  std::string enqueue() {
    using std::chrono::milliseconds;
    QueuedRequest request{.id = next_id_++,
                          .flow = flow(),
                          .bytes = draw_(800),
                          .arrived_at = now_ - milliseconds(draw_(1500))};
    if (draw_(3) == 0) request.ttl = milliseconds(draw_(20'000));
    if (draw_(3) == 0) request.slo_deadline = now_ + milliseconds(draw_(20'000));
    const auto expected = model_.enqueue(request, pool_, now_);
    const std::uint64_t id = request.id;
    const auto decision = real_->enqueue(std::move(request), pool_, now_);
    if (decision.has_value() != expected.has_value()) return "one of them refused";
    if (!decision) return "";
    if (decision->outcome != *expected || decision->id != id) return "refused otherwise";
    return in_bounds(*decision) ? "" : "Retry-After out of bounds";
  }
  std::string dispatch() {
    const std::set<std::uint64_t> allowed = model_.next(pool_, now_);
    const auto decision = real_->dispatch(pool_, now_);
    if (!decision) return allowed.empty() ? "" : "nothing was dispatched";
    if (!allowed.contains(decision->id)) return fmt::format("dispatched {}", decision->id);
    if (decision->outcome != FlowOutcome::kDispatched || decision->retry_after) return "outcome";
    model_.dispatched(decision->id, now_);
    return "";
  }
  std::string expire() {
    std::set<std::uint64_t> expired;
    for (const FlowDecision& decision : real_->expire(pool_, now_)) {
      if (decision.outcome != FlowOutcome::kEvictedTtl || !in_bounds(decision)) return "expiry";
      if (!expired.insert(decision.id).second) return "expired twice";
    }
    return expired == model_.expire(pool_, now_) ? "" : "others expired";
  }
  std::string cancel() {
    const std::uint64_t id = draw_(next_id_ + 1);
    const auto decision = real_->cancel(id, now_);
    if (decision.has_value() != model_.cancel(id, now_)) return "one of them knew it";
    const bool right = !decision || (decision->id == id && in_bounds(*decision) &&
                                     decision->outcome == FlowOutcome::kEvictedCancelled);
    return right ? "" : "cancelled otherwise";
  }
  void add_service() {
    const FlowKey key = flow();
    const std::uint64_t input = draw_(5000);
    const std::uint64_t output = draw_(2000);
    real_->add_service(key, input, output, now_);
    model_.add_service(key, input, output, now_);
  }

  bool in_bounds(const FlowDecision& decision) const {
    return decision.retry_after >= options_.retry_after_min &&
           decision.retry_after <= options_.retry_after_max && decision.waited.count() >= 0;
  }
  std::string compare() const {
    if (real_->waiting_requests() != model_.ids().size()) return "another number waits";
    if (real_->waiting_bytes() != model_.bytes()) return "other bytes wait";
    if (real_->next_expiry() != model_.next_expiry()) return "another time to expire";
    std::vector<std::int32_t> priorities;
    std::uint64_t requests = 0;
    std::uint64_t bytes = 0;
    for (const BandStatus& band : real_->bands()) {
      priorities.push_back(band.priority);
      requests += band.requests;
      bytes += band.bytes;
      if (band.requests_max != 0 && band.requests > band.requests_max) return "band too long";
      if (band.bytes_max != 0 && band.bytes > band.bytes_max) return "band too large";
    }
    if (priorities != model_.priorities()) return "other bands";
    for (const FlowStatus& flow : real_->flows()) {
      requests -= flow.requests;
      bytes -= flow.bytes;
    }
    return requests == 0 && bytes == 0 ? "" : "flows are not what bands hold";
  }

  Draw draw_;
  const FlowControlOptions options_;
  std::unique_ptr<FlowController> real_;
  FlowModel model_;
  SteadyTime now_ = SteadyTime(std::chrono::hours(1000));
  PoolState pool_;
  std::uint64_t next_id_ = 1;
};

}  // namespace rage::routing
