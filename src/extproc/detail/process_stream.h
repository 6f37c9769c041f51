// One ext_proc stream on gRPC's callback API: feeds the machine, writes what it answers. gRPC may
// report a read, a write and a cancellation at once, so a stream has a lock; one write is in flight
// at a time, and the end of the RPC counts as one.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "envoyapi/ext_proc.h"
#include "extproc/message.h"
#include "extproc/server.h"
#include "picker/endpoint_picker.h"

namespace rage::extproc::detail {

class ProcessStream;

// The streams that run, for who watches the clock. Thread-safe.
class StreamRegistry final {
 public:
  using Place = std::list<ProcessStream*>::iterator;
  Place add(ProcessStream* stream);
  void remove(Place place);
  // Deadlines and evictions of all streams.
  void tick(SteadyTime now);
  std::size_t size() const;

 private:
  mutable Mutex mutex_;
  std::list<ProcessStream*> streams_ GUARDED_BY(mutex_);
};

// An eviction that has been asked for; carried out at the next tick, because who evicts may hold
// locks of its own.
struct Eviction {
  Guarded<std::optional<picker::Refusal>> refusal;
  std::atomic<bool> asked = false;
};

// Resource. Deletes itself in OnDone(). `parts` and `registry` outlive it.
class ProcessStream final : public grpc::ServerBidiReactor<envoyapi::ext_proc::ProcessingRequest,
                                                           envoyapi::ext_proc::ProcessingResponse> {
 public:
  ProcessStream(const ServerParts& parts, StreamRegistry& registry);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void on_tick(SteadyTime now);

 private:
  void start_pick(picker::PickRequest request);
  void on_picked(picker::PickOutcome outcome);
  void end(bool cancelled);
  void carry_out_locked(Actions& actions) REQUIRES(mutex_);
  void advance_locked() REQUIRES(mutex_);
  void read_on_locked() REQUIRES(mutex_);
  std::unique_ptr<picker::PickTicket> take_ticket_locked() REQUIRES(mutex_) {
    return std::move(ticket_);
  }

  const ServerParts& parts_;
  StreamRegistry& registry_;
  const SteadyTime began_;
  StreamRegistry::Place place_;
  envoyapi::ext_proc::ProcessingRequest request_;    // The read in flight's.
  envoyapi::ext_proc::ProcessingResponse response_;  // The write in flight's.
  Mutex mutex_;
  std::unique_ptr<StreamMachine> machine_ GUARDED_BY(mutex_);
  std::unique_ptr<picker::PickTicket> ticket_ GUARDED_BY(mutex_);
  std::shared_ptr<Eviction> eviction_ GUARDED_BY(mutex_);
  std::deque<Reply> pending_ GUARDED_BY(mutex_);
  std::size_t pending_bytes_ GUARDED_BY(mutex_) = 0;
  grpc::Status status_ GUARDED_BY(mutex_);
  bool picked_ GUARDED_BY(mutex_) = false;  // Or not wanted any more: the ticket is of no use.
  bool writing_ GUARDED_BY(mutex_) = false;
  bool reading_ GUARDED_BY(mutex_) = false;
  bool closing_ GUARDED_BY(mutex_) = false;
  bool cancelled_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
};

}  // namespace rage::extproc::detail
