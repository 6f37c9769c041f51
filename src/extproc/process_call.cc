#include "extproc/detail/process_call.h"

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "extproc/detail/wire.h"

namespace rage::extproc::detail {
namespace {

double seconds_since(SteadyTime before) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
}

}  // namespace

ProcessCall::ProcessCall(rpc::Call& call, const ServerParts& parts, std::size_t send_bytes_max,
                         std::atomic<std::size_t>& streams)
    : call_(call),
      parts_(parts),
      send_bytes_max_(send_bytes_max),
      streams_(streams),
      began_(std::chrono::steady_clock::now()),
      machine_(parts.make_machine()) {
  streams_.fetch_add(1);
  if (parts_.metrics != nullptr) parts_.metrics->inflight.add(1);
}

ProcessCall::~ProcessCall() {
  give_back();
  streams_.fetch_sub(1);
  if (parts_.metrics == nullptr) return;
  parts_.metrics->inflight.add(-1);
  (cancelled_ ? parts_.metrics->cancelled
   : failed_  ? parts_.metrics->failed
              : parts_.metrics->ok)
      .add();
  parts_.metrics->duration.observe(seconds_since(began_));
}

void ProcessCall::on_message(std::string_view bytes) {
  if (picked_) ticket_.reset();
  if (closing_) return;
  thread_local envoyapi::ext_proc::ProcessingRequest request;  // Keeps its memory.
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    failed_ = true;
    return close({rpc::StatusCode::kInternal, "the message is no ProcessingRequest"});
  }
  // Nobody listens to us, and we have nothing to observe.
  if (request.observability_mode()) return close({});
  const SteadyTime now = std::chrono::steady_clock::now();
  Actions actions = machine_->on_message(read_message(request), now);
  if (parts_.message_seconds != nullptr) parts_.message_seconds->observe(seconds_since(now));
  if (actions.drop_pick) ticket_.reset();
  carry_out(actions);
  if (actions.pick) start_pick(*std::move(actions.pick));
}

void ProcessCall::start_pick(picker::PickRequest request) {
  const std::thread::id here = std::this_thread::get_id();
  auto ticket = parts_.picker->pick(std::move(request), [this, here](picker::PickOutcome outcome) {
    if (std::this_thread::get_id() == here) return on_picked(std::move(outcome));
    auto shared = std::make_shared<picker::PickOutcome>(std::move(outcome));
    call_.post([this, shared] { on_picked(std::move(*shared)); });
  });
  if (!closing_) ticket_ = std::move(ticket);
}

void ProcessCall::on_picked(picker::PickOutcome outcome) {
  picked_ = true;
  if (closing_) return;
  if (outcome.pick && outcome.pick->exchange) {
    eviction_ = std::make_shared<Eviction>();
    outcome.pick->exchange->on_eviction([eviction = eviction_](const picker::Refusal& refusal) {
      eviction->refusal.with([&](auto& asked) { asked = refusal; });
      eviction->asked.store(true, std::memory_order_release);
    });
  }
  Actions actions = machine_->on_pick(std::move(outcome), std::chrono::steady_clock::now());
  carry_out(actions);
}

void ProcessCall::on_tick(SteadyTime now) {
  if (closing_) return;
  if (eviction_ && eviction_->asked.load(std::memory_order_acquire)) {
    const auto refusal = eviction_->refusal.with([](const auto& asked) { return asked; });
    eviction_.reset();
    Actions actions = machine_->on_eviction(*refusal);
    carry_out(actions);
  }
  const std::optional<SteadyTime> deadline = machine_->deadline();
  if (!deadline || now < *deadline) return;
  Actions actions = machine_->on_deadline(now);
  if (actions.drop_pick) ticket_.reset();
  carry_out(actions);
}

void ProcessCall::carry_out(Actions& actions) {
  thread_local envoyapi::ext_proc::ProcessingResponse response;
  thread_local std::string bytes;
  for (Reply& reply : actions.replies) {
    response.Clear();
    write_reply(std::move(reply), response);
    response.SerializeToString(&bytes);
    if (bytes.size() > send_bytes_max_) {
      failed_ = true;
      return close({rpc::StatusCode::kResourceExhausted, "the reply is too large to be sent"});
    }
    call_.send(bytes);
  }
  if (!actions.violation.empty()) {
    failed_ = true;
    close({rpc::StatusCode::kFailedPrecondition, actions.violation});
  } else if (actions.close) {
    close({});
  }
}

void ProcessCall::give_back() {
  ticket_.reset();  // Waits for a callback that still runs.
  machine_->on_gone();
}

void ProcessCall::on_half_close() {
  give_back();
  close({});
}

void ProcessCall::on_cancel() {
  cancelled_ = closing_ = true;
  give_back();
}

void ProcessCall::close(rpc::Status status) {
  if (!std::exchange(closing_, true)) call_.finish(std::move(status));
}

}  // namespace rage::extproc::detail
