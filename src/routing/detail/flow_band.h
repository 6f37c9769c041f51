// One priority band: its flows, who of them is next, and what the band holds.
#pragma once

#include <compare>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "routing/flow_control.h"

namespace rage::routing::detail {

// Where something stands in a queue: the smallest goes first.
struct Place {
  std::int64_t key = 0;      // By policy.
  std::int64_t arrival = 0;  // Nanoseconds of the steady clock.
  std::uint64_t sequence = 0;
  auto operator<=>(const Place&) const = default;
};

struct Waiting {
  QueuedRequest request;
  Place place;                       // Among the requests of its flow.
  std::chrono::milliseconds ttl{0};  // 0: none.
  SteadyTime deadline = SteadyTime::max();
};

// Resource. One thread. Pointers to Waiting must live until they are removed.
class FlowBand final {
 public:
  FlowBand(std::int32_t priority, const BandOptions& band, const FlowControlOptions& options,
           SteadyTime now);
  ~FlowBand();
  FlowBand(const FlowBand&) = delete;
  FlowBand& operator=(const FlowBand&) = delete;

  std::int32_t priority() const { return priority_; }
  std::uint64_t requests() const { return requests_; }
  std::uint64_t bytes() const { return bytes_; }
  bool empty() const { return requests_ == 0; }
  SteadyTime idle_since() const { return idle_since_; }  // Of an empty one.
  bool fits(std::uint64_t bytes) const;
  BandStatus status() const;
  void append_flows(std::vector<FlowStatus>& out) const;

  // What `request` is ordered by among those of its flow.
  std::int64_t order_key(const QueuedRequest& request, std::chrono::milliseconds ttl) const;
  void add(Waiting& waiting, SteadyTime now);
  // The next one; the band must not be empty. It stays.
  Waiting& head() const;
  // Removes the head, whose flow had its turn.
  void take(Waiting& head, SteadyTime now);
  void remove(Waiting& waiting, SteadyTime now);
  void add_service(const std::string& fairness_id, double tokens, SteadyTime now);
  void forget_idle_flows(SteadyTime now);

 private:
  struct Flow;
  enum class Turn { kKept, kTaken };

  Flow& flow_of(const std::string& fairness_id, SteadyTime now);
  void remove(Waiting& waiting, Turn turn, SteadyTime now);
  void rank(Flow& flow);
  void rest(Flow& flow, SteadyTime now);
  double half_lives(SteadyTime time) const;  // Since the clock's beginning.

  const std::int32_t priority_;
  const BandOptions band_;
  const std::size_t idle_flows_max_;
  const std::chrono::milliseconds idle_flow_ttl_;
  const std::chrono::milliseconds half_life_;

  std::map<std::string, std::unique_ptr<Flow>> flows_;  // By fairness id.
  std::map<Place, Flow*> ready_;  // Flows with something waiting, the next one first.
  std::list<Flow*> idle_;         // The others, idle for the longest time first.
  std::int64_t turns_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t bytes_ = 0;
  SteadyTime idle_since_;
};

}  // namespace rage::routing::detail
