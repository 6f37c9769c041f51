// One ext_proc stream: feeds the machine, sends what it answers. All on the thread of its
// connection's loop; pickers that answer on another one are brought here.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "extproc/message.h"
#include "extproc/server.h"
#include "picker/endpoint_picker.h"
#include "rpc/call.h"

namespace rage::extproc::detail {

// An eviction that has been asked for; carried out at the next tick, because who evicts may hold
// locks of its own.
struct Eviction {
  Guarded<std::optional<picker::Refusal>> refusal;
  std::atomic<bool> asked = false;
};

// Resource. `parts` and `streams` outlive it.
class ProcessCall final : public rpc::CallHandler {
 public:
  // Past `send_bytes_max` a message is not sent but ends the call with RESOURCE_EXHAUSTED.
  ProcessCall(rpc::Call& call, const ServerParts& parts, std::size_t send_bytes_max,
              std::atomic<std::size_t>& streams);
  ~ProcessCall() override;

  void on_message(std::string_view bytes) override;
  void on_half_close() override;
  void on_cancel() override;
  void on_tick(SteadyTime now) override;

 private:
  void start_pick(picker::PickRequest request);
  void on_picked(picker::PickOutcome outcome);
  void carry_out(Actions& actions);
  void give_back();
  void close(rpc::Status status);

  rpc::Call& call_;
  const ServerParts& parts_;
  const std::size_t send_bytes_max_;
  std::atomic<std::size_t>& streams_;
  const SteadyTime began_;
  const std::unique_ptr<StreamMachine> machine_;
  std::unique_ptr<picker::PickTicket> ticket_;
  std::shared_ptr<Eviction> eviction_;
  bool picked_ = false;  // Or not wanted any more: the ticket is of no use.
  bool closing_ = false;
  bool failed_ = false;
  bool cancelled_ = false;
};

}  // namespace rage::extproc::detail
