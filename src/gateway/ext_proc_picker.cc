#include "gateway/ext_proc_picker.h"

#include <utility>

#include "base/mutex.h"
#include "gateway/detail/ext_proc_conversation.h"
#include "gateway/detail/model_name.h"
#include "rpc/channel.h"

namespace rage::gateway {
namespace {

namespace ext_proc = envoyapi::ext_proc;
using detail::ExtProcConversation;
constexpr std::string_view kProcess = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";

// One RPC. The channel's thread and ours meet under the mutex.
class Call final : public rpc::Replies, public std::enable_shared_from_this<Call> {
 public:
  using Done = std::function<void(picker::PickOutcome)>;
  using HeadDone = std::function<void(RemoteExchange::Headers)>;

  Call(const picker::PickRequest& request, Done done)
      : conversation_(request.body ? ExtProcConversation::Body::kSent
                                   : ExtProcConversation::Body::kNone),
        done_(std::move(done)) {}

  void start(rpc::Channel& channel, const picker::PickRequest& request) {
    MutexLock lock(mutex_);
    rpc_ = channel.call(std::string(kProcess), shared_from_this());
    for (const auto& message : detail::render_pick_request(request)) {
      rpc_->send(message.SerializeAsString());
    }
  }

  // Nobody waits for the pick any more. No callback is running when this returns, and none comes.
  void cancel_pick() {
    MutexLock lock(mutex_);
    if (std::exchange(done_, nullptr)) close();  // Else it was told already, and goes on.
  }

  void finish() {
    MutexLock lock(mutex_);
    head_done_ = nullptr;
    close();
  }

  void ask_head(const picker::ResponseHead& head, HeadDone done) {
    MutexLock lock(mutex_);
    if (over_) return done({});
    head_done_ = std::move(done);
    rpc_->send(detail::render_response_head(head).SerializeAsString());
  }

  void on_message(std::string_view bytes) override {
    ext_proc::ProcessingResponse response;
    MutexLock lock(mutex_);
    if (over_) return;
    if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      rpc_->cancel();
      return end("its answer is no ProcessingResponse");
    }
    if (response.has_response_headers() && head_done_) {
      std::exchange(head_done_, nullptr)(detail::response_headers_of(response));
    } else if (auto outcome = conversation_.on_response(response)) {
      tell(*std::move(outcome));
    }
  }

  void on_end(const rpc::Status& status) override {
    MutexLock lock(mutex_);
    end(status.ok() ? "" : status.message);
  }

 private:
  void tell(picker::PickOutcome outcome) REQUIRES(mutex_);
  void end(const std::string& error) REQUIRES(mutex_) {
    over_ = true;
    if (head_done_) std::exchange(head_done_, nullptr)({});
    if (auto outcome = conversation_.on_end(error)) tell(*std::move(outcome));
  }
  // Our side is over; the picker hears of it.
  void close() REQUIRES(mutex_) {
    if (!std::exchange(over_, true)) rpc_->cancel();
  }

  Mutex mutex_;
  std::shared_ptr<rpc::ClientCall> rpc_ GUARDED_BY(mutex_);
  ExtProcConversation conversation_ GUARDED_BY(mutex_);
  Done done_ GUARDED_BY(mutex_);
  HeadDone head_done_ GUARDED_BY(mutex_);
  bool over_ GUARDED_BY(mutex_) = false;
};

// Resource. The picker hears only of the reply's head; its bodies need not pass it.
class ExtProcExchange final : public RemoteExchange {
 public:
  explicit ExtProcExchange(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  ~ExtProcExchange() override { call_->finish(); }
  ExtProcExchange(const ExtProcExchange&) = delete;
  ExtProcExchange& operator=(const ExtProcExchange&) = delete;

  Headers on_response_headers(const picker::ResponseHead&) override { return {}; }
  std::string on_response_body(std::string_view bytes, bool) override { return std::string(bytes); }
  void finish(picker::Completion) override { call_->finish(); }
  bool wants_response_body() const override { return false; }
  void on_eviction(std::function<void(picker::Refusal)>) override {}
  void ask_response_headers(const picker::ResponseHead& head,
                            std::function<void(Headers)> done) override {
    call_->ask_head(head, std::move(done));
  }

 private:
  const std::shared_ptr<Call> call_;
};

void Call::tell(picker::PickOutcome outcome) {
  const auto done = std::exchange(done_, nullptr);
  if (!done) return;
  if (outcome.pick) outcome.pick->exchange = std::make_shared<ExtProcExchange>(shared_from_this());
  done(std::move(outcome));
}

class Ticket final : public picker::PickTicket {
 public:
  explicit Ticket(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  ~Ticket() override { call_->cancel_pick(); }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  void cancel() override { call_->cancel_pick(); }

 private:
  const std::shared_ptr<Call> call_;
};

// Null: nobody to ask.
std::unique_ptr<rpc::Channel> make_channel(const ExtProcOptions& options) {
  using Transport = rpc::ChannelOptions::Transport;
  const bool plain = options.transport == ExtProcOptions::Transport::kPlain;
  auto channel = rpc::Channel::create(
      {.endpoints = options.endpoints, .transport = plain ? Transport::kPlain : Transport::kTls});
  return channel ? *std::move(channel) : nullptr;
}

class ExtProcPicker final : public picker::EndpointPicker {
 public:
  explicit ExtProcPicker(const ExtProcOptions& options) : channel_(make_channel(options)) {}

  std::unique_ptr<picker::PickTicket> pick(picker::PickRequest request,
                                           std::function<void(picker::PickOutcome)> done) override {
    if (!channel_) {
      done({.refusal = picker::Refusal{.code_name = std::string(detail::kPickerUnavailable),
                                       .message = "no pod of the endpoint picker is ready"}});
      return nullptr;
    }
    const auto call = std::make_shared<Call>(request, std::move(done));
    call->start(*channel_, request);
    return std::make_unique<Ticket>(call);
  }
  bool ready() const override { return channel_ != nullptr; }
  void begin_drain() override {}

 private:
  const std::unique_ptr<rpc::Channel> channel_;
};

}  // namespace

std::shared_ptr<picker::EndpointPicker> make_ext_proc_picker(const ExtProcOptions& options) {
  return std::make_shared<ExtProcPicker>(options);
}

}  // namespace rage::gateway
