// Flow control written for reading: one list of what waits, and each rule applied to all of it.
// Slow, and therefore easy to believe; the real one must decide the same.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "routing/flow_control.h"

namespace rage::routing {

class FlowModel final {
 public:
  explicit FlowModel(FlowControlOptions options) : options_(std::move(options)) {
    for (const auto& [priority, band] : options_.bands) bands_[priority];
  }

  // What it refuses, if it does.
  std::optional<FlowOutcome> enqueue(const QueuedRequest& request, const PoolState& pool,
                                     SteadyTime now) {
    observe(pool, now);
    const std::int32_t priority = request.flow.priority;
    const BandOptions& rules = options_.band(priority);
    if (!bands_.contains(priority)) bands_[priority].idle_since = now;
    std::uint64_t band_bytes = request.bytes;
    std::uint64_t band_requests = 1;
    for (const Item& item : items_) {
      if (item.request.flow.priority != priority) continue;
      band_bytes += item.request.bytes;
      ++band_requests;
    }
    const auto over = [](std::uint64_t value, std::uint64_t limit) {
      return limit != 0 && value > limit;
    };
    if (over(band_bytes, rules.bytes_max) || over(band_requests, rules.requests_max) ||
        over(bytes() + request.bytes, options_.bytes_max) ||
        over(items_.size() + 1, options_.requests_max)) {
      return pool.has_endpoints ? FlowOutcome::kRejectedCapacity
                                : FlowOutcome::kRejectedNoEndpoints;
    }
    Band& band = bands_[priority];
    if (!has_waiting(request.flow)) {
      band.turns.push_back(request.flow.fairness_id);
      Service& service = band.services[request.flow.fairness_id];
      service = {.tokens = std::max(1.0, tokens(service, now)), .at = now};
    }
    items_.push_back({.request = request, .sequence = ++sequence_});
    return std::nullopt;
  }

  // Any of these may be dispatched next; more than one only where rounding decides.
  std::set<std::uint64_t> next(const PoolState& pool, SteadyTime now) {
    observe(pool, now);
    if (!pool.has_endpoints || items_.empty()) return {};
    std::int32_t highest = INT32_MIN;
    for (const Item& item : items_) highest = std::max(highest, item.request.flow.priority);
    if (!open(highest, pool.saturation)) return {};
    const Band& band = bands_[highest];
    switch (options_.band(highest).fairness) {
      case FairnessPolicy::kGlobalStrict:
        return {first([&](const FlowKey& flow) { return flow.priority == highest; })};
      case FairnessPolicy::kRoundRobin:
        return {first([&](const FlowKey& flow) {
          return flow.priority == highest && flow.fairness_id == band.turns.front();
        })};
      case FairnessPolicy::kProgramAware:
        return least_served(highest, now);
    }
    return {};
  }

  void dispatched(std::uint64_t id, SteadyTime now) {
    const FlowKey flow = find(id).request.flow;
    std::vector<std::string>& turns = bands_[flow.priority].turns;
    std::erase(turns, flow.fairness_id);
    turns.push_back(flow.fairness_id);
    remove(id, now);
  }

  std::set<std::uint64_t> expire(const PoolState& pool, SteadyTime now) {
    observe(pool, now);
    std::set<std::uint64_t> expired;
    for (const Item& item : items_) {
      if (deadline(item) <= now) expired.insert(item.request.id);
    }
    for (const std::uint64_t id : expired) remove(id, now);
    for (auto band = bands_.begin(); band != bands_.end();) {
      const bool idle = !options_.bands.contains(band->first) && !has_waiting(band->first) &&
                        band->second.idle_since + options_.idle_band_ttl <= now;
      band = idle ? bands_.erase(band) : std::next(band);
    }
    return expired;
  }

  bool cancel(std::uint64_t id, SteadyTime now) {
    if (!ids().contains(id)) return false;
    remove(id, now);
    return true;
  }

  void add_service(const FlowKey& flow, std::uint64_t input, std::uint64_t output, SteadyTime now) {
    const auto band = bands_.find(flow.priority);
    if (band == bands_.end()) return;
    auto [service, is_new] = band->second.services.try_emplace(flow.fairness_id);
    if (is_new) service->second = {.tokens = 1, .at = now};
    const double sum = tokens(service->second, now) + static_cast<double>(input + 2 * output);
    service->second = {.tokens = std::max(1.0, sum), .at = now};
  }

  std::optional<SteadyTime> next_expiry() const {
    std::optional<SteadyTime> next;
    for (const Item& item : items_) {
      const SteadyTime at = deadline(item);
      if (at != SteadyTime::max() && (!next || at < *next)) next = at;
    }
    return next;
  }
  std::set<std::uint64_t> ids() const {
    std::set<std::uint64_t> out;
    for (const Item& item : items_) out.insert(item.request.id);
    return out;
  }
  std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const Item& item : items_) sum += item.request.bytes;
    return sum;
  }
  std::vector<std::int32_t> priorities() const {  // The highest first.
    std::vector<std::int32_t> out;
    for (const auto& [priority, band] : bands_) out.insert(out.begin(), priority);
    return out;
  }

 private:
  struct Item {
    QueuedRequest request;
    std::uint64_t sequence = 0;
  };
  struct Service {
    double tokens = 0;
    SteadyTime at = {};
  };
  struct Band {
    std::vector<std::string> turns;  // Flows with something waiting, the next one first.
    std::map<std::string, Service> services;
    SteadyTime idle_since = {};
  };
  // Smaller goes first.
  using Order = std::tuple<SteadyTime, SteadyTime, std::uint64_t>;

  void observe(const PoolState& pool, SteadyTime now) {
    if (has_endpoints_ && *has_endpoints_ != pool.has_endpoints) regime_since_ = now;
    has_endpoints_ = pool.has_endpoints;
  }

  std::chrono::milliseconds ttl(const Item& item) const {
    const auto configured =
        options_.band(item.request.flow.priority).request_ttl.value_or(options_.request_ttl);
    const auto wish = item.request.ttl.value_or(std::chrono::milliseconds(0));
    if (wish.count() == 0) return configured;
    return configured.count() == 0 ? wish : std::min(wish, configured);
  }
  SteadyTime deadline(const Item& item) const {
    const bool empty_pool = has_endpoints_ && !*has_endpoints_;
    const auto budget = empty_pool ? options_.no_endpoint_ttl.value_or(ttl(item)) : ttl(item);
    if (budget.count() == 0) return SteadyTime::max();
    return std::max(item.request.arrived_at, regime_since_) + budget;
  }

  Order order(const Item& item) const {
    const SteadyTime arrived = item.request.arrived_at;
    const SteadyTime slo = item.request.slo_deadline.value_or(SteadyTime::max());
    switch (options_.band(item.request.flow.priority).ordering) {
      case OrderingPolicy::kFcfs:
        return {arrived, arrived, item.sequence};
      case OrderingPolicy::kEdf:
        return {ttl(item).count() == 0 ? slo : std::min(slo, arrived + ttl(item)), arrived,
                item.sequence};
      case OrderingPolicy::kSloDeadline:
        return {slo, arrived, item.sequence};
    }
    return {};
  }
  const Item& find(std::uint64_t id) const {
    return *std::find_if(items_.begin(), items_.end(),
                         [id](const Item& item) { return item.request.id == id; });
  }
  template <class Counts>
  std::uint64_t first(Counts counts) const {
    const Item* best = nullptr;
    for (const Item& item : items_) {
      if (counts(item.request.flow) && (best == nullptr || order(item) < order(*best))) {
        best = &item;
      }
    }
    return best->request.id;
  }

  double tokens(const Service& service, SteadyTime now) const {
    const double half_lives = std::chrono::duration<double>(now - service.at) /
                              std::chrono::duration<double>(options_.service_half_life);
    return service.tokens * std::exp2(-half_lives);
  }
  std::set<std::uint64_t> least_served(std::int32_t priority, SteadyTime now) const {
    const Band& band = bands_.at(priority);
    std::map<std::uint64_t, double> scores;
    for (const std::string& id : band.turns) {
      const std::uint64_t head =
          first([&](const FlowKey& flow) { return flow == FlowKey{id, priority}; });
      const double wait = std::chrono::duration<double>(now - find(head).request.arrived_at) /
                          std::chrono::duration<double>(options_.service_half_life);
      scores[head] = 0.8 * std::log2(tokens(band.services.at(id), now)) - 0.2 * wait;
    }
    double least = INFINITY;
    for (const auto& [id, score] : scores) least = std::min(least, score);
    std::set<std::uint64_t> out;
    for (const auto& [id, score] : scores) {
      if (score <= least + 1e-6) out.insert(id);
    }
    return out;
  }

  bool open(std::int32_t priority, double saturation) {
    const std::vector<std::int32_t> all = priorities();
    const auto limit = [&](std::int32_t of) {
      const auto at = std::find(all.begin(), all.end(), of) - all.begin();
      return ceiling(options_.usage_limit, all, static_cast<std::size_t>(at), saturation);
    };
    if (options_.usage_limit.policy != UsageLimitPolicy::kSoftReflective) {
      return saturation < limit(priority);
    }
    if (saturation >= limit(all.back())) ++soft_calls_;
    if (saturation < limit(priority)) return true;
    const std::uint64_t period = soft_ceiling_period(saturation);
    return period != 0 && soft_calls_ % period == 0;
  }

  template <class What>
  bool has_waiting(const What& what) const {
    return std::any_of(items_.begin(), items_.end(), [&](const Item& item) {
      if constexpr (std::is_same_v<What, FlowKey>) return item.request.flow == what;
      if constexpr (!std::is_same_v<What, FlowKey>) return item.request.flow.priority == what;
    });
  }
  void remove(std::uint64_t id, SteadyTime now) {
    const FlowKey flow = find(id).request.flow;
    std::erase_if(items_, [id](const Item& item) { return item.request.id == id; });
    if (!has_waiting(flow)) std::erase(bands_[flow.priority].turns, flow.fairness_id);
    if (!has_waiting(flow.priority)) bands_[flow.priority].idle_since = now;
  }

  const FlowControlOptions options_;
  std::vector<Item> items_;
  std::map<std::int32_t, Band> bands_;
  std::uint64_t sequence_ = 0;
  std::uint64_t soft_calls_ = 0;
  std::optional<bool> has_endpoints_;
  SteadyTime regime_since_ = SteadyTime::min();
};

}  // namespace rage::routing
