// The endpoints of a pool with what they reported and what we have in flight there. Written by the
// source, the scrape thread and every request; read whole by every decision, so reading neither
// allocates nor copies more than what changed since that reader's last time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "routing/endpoint.h"

namespace rage::picker {

// The changing part of one endpoint. Thread-safe. Outlives its endpoint's leaving the pool for as
// long as a request is in flight there.
class alignas(64) EndpointSlot final {
 public:
  void set_metrics(routing::EndpointMetrics metrics);
  routing::EndpointMetrics metrics() const;
  void charge(const routing::InFlight& load);
  void release(const routing::InFlight& load);  // What was charged; never more.
  routing::InFlight in_flight() const;

 private:
  friend class EndpointTable;

  std::atomic<std::uint32_t> requests_ = 0;
  std::atomic<std::uint64_t> tokens_ = 0;
  std::atomic<std::uint64_t> version_ = 0;  // Of metrics_.
  mutable Mutex mutex_;
  routing::EndpointMetrics metrics_ GUARDED_BY(mutex_);
};

struct TableEntry {
  routing::Endpoint endpoint;  // As its source gave it.
  std::shared_ptr<EndpointSlot> slot;
};

struct TableChange {
  std::vector<TableEntry> added;
  std::vector<TableEntry> removed;
};

// Resource. Thread-safe.
class EndpointTable final {
  struct Topology;
  struct Scratch;

 public:
  // All endpoints as they are now. Valid while it lives; not to be shared between threads. The
  // table outlives it.
  class View final {
   public:
    View(View&& other) noexcept;
    ~View();
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    View& operator=(View&&) = delete;
    std::span<const routing::Endpoint> endpoints() const;
    const std::shared_ptr<EndpointSlot>& slot(std::size_t index) const;

   private:
    friend class EndpointTable;
    View(const EndpointTable& table, std::unique_ptr<Scratch> scratch);
    const EndpointTable& table_;
    std::unique_ptr<Scratch> scratch_;
  };

  EndpointTable();
  ~EndpointTable();
  EndpointTable(const EndpointTable&) = delete;
  EndpointTable& operator=(const EndpointTable&) = delete;

  // The new set. Who stays (namespace, pod, address and port alike) keeps metrics and counters;
  // labels and ranks may change. Of two alike the last counts. Metrics that the source knows itself
  // (updated_at is set) are taken over.
  TableChange replace(std::vector<routing::Endpoint> endpoints);
  View view() const;
  std::size_t size() const;
  // Null if no endpoint has this "ip:port".
  std::shared_ptr<EndpointSlot> find(std::string_view authority) const;

 private:
  void refresh(Scratch& scratch) const;

  std::atomic<std::uint64_t> generation_ = 0;
  Guarded<std::shared_ptr<const Topology>> topology_;
  // Scratches that nobody uses: as many as there were views at once.
  mutable Guarded<std::vector<std::unique_ptr<Scratch>>> idle_;
};

}  // namespace rage::picker
