#include <algorithm>
#include <utility>

#include "picker/detail/in_flight.h"

namespace rage::picker::detail {

std::uint64_t InFlightRequests::add(std::int32_t priority, SteadyTime now) {
  MutexLock lock(mutex_);
  const std::uint64_t id = next_id_++;
  entries_[id].candidate = {.id = id, .priority = priority, .dispatched_at = now};
  return id;
}

void InFlightRequests::on_eviction(std::uint64_t id, Evicted evicted) {
  std::optional<Refusal> refusal;
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    if (!found->second.refusal) {
      found->second.evicted = std::move(evicted);
      return;
    }
    refusal = found->second.refusal;
    calling_.push_back({id, std::this_thread::get_id()});
  }
  call(id, evicted, *refusal);
}

void InFlightRequests::call(std::uint64_t id, const Evicted& evicted, const Refusal& refusal) {
  evicted(refusal);
  MutexLock lock(mutex_);
  std::erase_if(calling_, [id](const Calling& calling) { return calling.id == id; });
  changed_.notify_all();
}

void InFlightRequests::remove(std::uint64_t id, SteadyTime now) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  // What an eviction has freed shows later in the pool's saturation: it counts for a while.
  if (found->second.candidate.evicted_at) {
    found->second.candidate.ended_at = now;
    found->second.evicted = nullptr;
  } else {
    entries_.erase(found);
  }
  const auto elsewhere = [id](const Calling& calling) {
    return calling.id == id && calling.thread != std::this_thread::get_id();
  };
  while (std::ranges::any_of(calling_, elsewhere)) changed_.wait(mutex_);
}

std::size_t InFlightRequests::evict_for(std::int32_t priority, std::uint64_t waiting,
                                        const Refusal& refusal, SteadyTime now) {
  struct Call {
    std::uint64_t id;
    Evicted evicted;
  };
  std::vector<Call> calls;
  std::size_t evictions = 0;
  {
    MutexLock lock(mutex_);
    std::erase_if(entries_, [&](const auto& entry) {
      const auto& ended = entry.second.candidate.ended_at;
      return ended && now - *ended > options_.grace;
    });
    std::vector<routing::EvictionCandidate> candidates;
    candidates.reserve(entries_.size());
    for (const auto& [id, entry] : entries_) candidates.push_back(entry.candidate);
    const auto chosen = routing::choose_evictions(candidates, priority, waiting, options_, now);
    evictions = chosen.size();
    for (const std::uint64_t id : chosen) {
      Entry& entry = entries_.at(id);
      entry.candidate.evicted_at = now;
      entry.refusal = refusal;
      if (!entry.evicted) continue;
      calls.push_back({id, std::exchange(entry.evicted, nullptr)});
      calling_.push_back({id, std::this_thread::get_id()});
    }
  }
  for (const Call& one : calls) call(one.id, one.evicted, refusal);
  return evictions;
}

std::size_t InFlightRequests::size() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace rage::picker::detail
