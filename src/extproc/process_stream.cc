#include <utility>

#include "extproc/detail/process_stream.h"
#include "extproc/detail/wire.h"

namespace rage::extproc::detail {
namespace {

// Replies that the proxy has not taken yet; past that nothing more is read from it.
constexpr std::size_t kPendingBytesMax = std::size_t{1} << 20;

}  // namespace

StreamRegistry::Place StreamRegistry::add(ProcessStream* stream) {
  MutexLock lock(mutex_);
  return streams_.insert(streams_.end(), stream);
}

void StreamRegistry::remove(Place place) {
  MutexLock lock(mutex_);
  streams_.erase(place);
}

void StreamRegistry::tick(SteadyTime now) {
  MutexLock lock(mutex_);  // Keeps each stream alive meanwhile.
  for (ProcessStream* stream : streams_) stream->on_tick(now);
}

std::size_t StreamRegistry::size() const {
  MutexLock lock(mutex_);
  return streams_.size();
}

ProcessStream::ProcessStream(const ServerParts& parts, StreamRegistry& registry)
    : parts_(parts), registry_(registry), began_(std::chrono::steady_clock::now()) {
  if (parts_.metrics != nullptr) parts_.metrics->inflight.add(1);
  {
    MutexLock lock(mutex_);
    machine_ = parts_.make_machine();
    read_on_locked();
  }
  place_ = registry_.add(this);  // Last: ticks come at once, OnDone() not before this returns.
}

void ProcessStream::OnReadDone(bool ok) {
  if (!ok) return end(false);
  std::optional<picker::PickRequest> pick;
  std::unique_ptr<picker::PickTicket> done_with;  // Destroyed without the lock.
  {
    MutexLock lock(mutex_);
    reading_ = false;
    if (picked_) done_with = take_ticket_locked();
    if (closing_) return;
    if (request_.observability_mode()) {  // Nobody listens to us, and we have nothing to observe.
      closing_ = true;
      return advance_locked();
    }
    const SteadyTime now = std::chrono::steady_clock::now();
    Actions actions = machine_->on_message(read_message(request_), now);
    if (parts_.message_seconds != nullptr) {
      parts_.message_seconds->observe(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - now).count());
    }
    pick = std::move(actions.pick);
    if (actions.drop_pick) done_with = take_ticket_locked();
    carry_out_locked(actions);
    if (!pick) read_on_locked();
  }
  if (!pick) return;
  start_pick(*std::move(pick));
  MutexLock lock(mutex_);
  read_on_locked();
}

void ProcessStream::start_pick(picker::PickRequest request) {
  std::unique_ptr<picker::PickTicket> ticket = parts_.picker->pick(
      std::move(request), [this](picker::PickOutcome outcome) { on_picked(std::move(outcome)); });
  MutexLock lock(mutex_);
  if (!closing_) ticket.swap(ticket_);
  // Else it dies here, after the lock: declared before it.
}

void ProcessStream::on_picked(picker::PickOutcome outcome) {
  const std::shared_ptr<picker::Exchange> exchange =
      outcome.pick ? outcome.pick->exchange : nullptr;  // Dies without the lock, if last.
  MutexLock lock(mutex_);
  picked_ = true;
  if (closing_) return;
  if (exchange) {
    eviction_ = std::make_shared<Eviction>();
    exchange->on_eviction([eviction = eviction_](const picker::Refusal& refusal) {
      eviction->refusal.with([&](auto& asked) { asked = refusal; });
      eviction->asked.store(true, std::memory_order_release);
    });
  }
  Actions actions = machine_->on_pick(std::move(outcome), std::chrono::steady_clock::now());
  carry_out_locked(actions);
}

void ProcessStream::on_tick(SteadyTime now) {
  std::unique_ptr<picker::PickTicket> done_with;
  MutexLock lock(mutex_);
  if (closing_) return;
  if (eviction_ && eviction_->asked.load(std::memory_order_acquire)) {
    const auto refusal = eviction_->refusal.with([](const auto& asked) { return asked; });
    eviction_.reset();
    Actions actions = machine_->on_eviction(*refusal);
    carry_out_locked(actions);
  }
  const std::optional<SteadyTime> deadline = machine_->deadline();
  if (!deadline || now < *deadline) return;
  Actions actions = machine_->on_deadline(now);
  if (actions.drop_pick) done_with = take_ticket_locked();
  carry_out_locked(actions);
}

void ProcessStream::OnWriteDone(bool ok) {
  if (!ok) {
    {
      MutexLock lock(mutex_);
      writing_ = false;
    }
    return end(true);
  }
  MutexLock lock(mutex_);
  writing_ = false;
  advance_locked();
  read_on_locked();
}

void ProcessStream::OnCancel() {
  end(true);
}

// Read-EOF, cancellation and a failed write are the same: the client has gone.
void ProcessStream::end(bool cancelled) {
  std::unique_ptr<picker::PickTicket> done_with;
  MutexLock lock(mutex_);
  if (cancelled) {
    cancelled_ = true;
    pending_.clear();
  }
  done_with = take_ticket_locked();
  machine_->on_gone();
  closing_ = true;
  advance_locked();
}

void ProcessStream::OnDone() {
  registry_.remove(place_);
  std::unique_ptr<picker::PickTicket> done_with;
  {
    MutexLock lock(mutex_);
    machine_->on_gone();
    done_with = take_ticket_locked();
    if (parts_.metrics != nullptr) {
      parts_.metrics->inflight.add(-1);
      (cancelled_      ? parts_.metrics->cancelled
       : !status_.ok() ? parts_.metrics->failed
                       : parts_.metrics->ok)
          .add();
      parts_.metrics->duration.observe(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count());
    }
  }
  done_with.reset();  // Waits for a callback that still runs.
  delete this;
}

void ProcessStream::carry_out_locked(Actions& actions) {
  for (Reply& reply : actions.replies) {
    pending_bytes_ += reply.body.size();
    pending_.push_back(std::move(reply));
  }
  if (!actions.violation.empty()) {
    status_ = grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, actions.violation);
  }
  closing_ = closing_ || actions.close;
  advance_locked();
}

void ProcessStream::advance_locked() {
  if (writing_ || finished_) return;
  if (pending_.empty() || cancelled_) {
    if (!closing_) return;
    finished_ = true;
    Finish(status_);
    return;
  }
  Reply reply = std::move(pending_.front());
  pending_.pop_front();
  pending_bytes_ -= reply.body.size();
  response_.Clear();
  write_reply(std::move(reply), response_);
  writing_ = true;
  // Never with a buffer hint: on a stream's first write gRPC 1.51 then waits for somebody else to
  // flush the initial metadata, and reports the write as done only after that.
  StartWrite(&response_);
}

void ProcessStream::read_on_locked() {
  if (reading_ || closing_ || pending_bytes_ > kPendingBytesMax) return;
  reading_ = true;
  StartRead(&request_);
}

}  // namespace rage::extproc::detail
