// The sheddable requests in flight, so that some can be made to end for better ones.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "picker/endpoint_picker.h"
#include "routing/eviction.h"

namespace rage::picker::detail {

// Resource. Thread-safe.
class InFlightRequests final {
 public:
  using Evicted = std::function<void(Refusal)>;

  explicit InFlightRequests(routing::EvictionOptions options) : options_(options) {}

  std::uint64_t add(std::int32_t priority, SteadyTime now);
  // Called at once if it was evicted before.
  void on_eviction(std::uint64_t id, Evicted evicted);
  // It has ended. When this returns its callback is not running, unless this is called from it.
  void remove(std::uint64_t id, SteadyTime now);
  // Makes room for `waiting` requests of `priority`; returns how many were told.
  std::size_t evict_for(std::int32_t priority, std::uint64_t waiting, const Refusal& refusal,
                        SteadyTime now);
  std::size_t size() const;

 private:
  struct Entry {
    routing::EvictionCandidate candidate;
    Evicted evicted;
    std::optional<Refusal> refusal;  // Evicted; kept for a callback that comes late.
  };
  struct Calling {
    std::uint64_t id;
    std::thread::id thread;
  };

  void call(std::uint64_t id, const Evicted& evicted, const Refusal& refusal);

  const routing::EvictionOptions options_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::uint64_t next_id_ GUARDED_BY(mutex_) = 1;
  std::map<std::uint64_t, Entry> entries_ GUARDED_BY(mutex_);
  std::vector<Calling> calling_ GUARDED_BY(mutex_);
};

}  // namespace rage::picker::detail
