#include "gateway/ext_proc_picker.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/client_callback.h>

#include <deque>
#include <set>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"
#include "gateway/detail/ext_proc_conversation.h"
#include "gateway/detail/model_name.h"

namespace rage::gateway {
namespace {

namespace ext_proc = envoyapi::ext_proc;
using detail::ExtProcConversation;
using Stub = ext_proc::ExternalProcessor::Stub;

constexpr int kConnectMs = 1000;
constexpr int kReconnectMsMax = 2000;

class Call;

// Those calls of a picker that gRPC is not done with; it keeps them alive. Thread-safe.
class RunningCalls final {
 public:
  void add(std::shared_ptr<Call> call);
  void remove(const std::shared_ptr<Call>& call);
  // Cancels, and waits for gRPC's threads: not to be called on one of them.
  void end_all();

 private:
  Mutex mutex_;
  CondVar changed_;
  std::set<std::shared_ptr<Call>> calls_ GUARDED_BY(mutex_);
};

// One RPC. gRPC owns the threads; its callbacks and ours meet under the mutex.
class Call final
    : public grpc::ClientBidiReactor<ext_proc::ProcessingRequest, ext_proc::ProcessingResponse>,
      public std::enable_shared_from_this<Call> {
 public:
  using Done = std::function<void(picker::PickOutcome)>;
  using HeadDone = std::function<void(RemoteExchange::Headers)>;

  Call(const picker::PickRequest& request, Done done, std::shared_ptr<RunningCalls> running)
      : running_(std::move(running)),
        conversation_(request.body ? ExtProcConversation::Body::kSent
                                   : ExtProcConversation::Body::kNone),
        done_(std::move(done)) {
    for (auto& message : detail::render_pick_request(request))
      to_write_.push_back(std::move(message));
  }

  void start(Stub& stub) {
    running_->add(shared_from_this());
    stub.async()->Process(context_.get(), this);
    AddHold();  // Others than gRPC may start writes.
    StartRead(&response_);
    {
      MutexLock lock(mutex_);
      write_next();
    }
    StartCall();
  }

  // Nobody waits for the pick any more. No callback is running when this returns, and none comes.
  void cancel_pick() {
    MutexLock lock(mutex_);
    if (!std::exchange(done_, nullptr)) return;  // It was told already, and goes on.
    close();
  }

  void finish() {
    MutexLock lock(mutex_);
    head_done_ = nullptr;
    close();
  }

  void ask_head(const picker::ResponseHead& head, HeadDone done) {
    MutexLock lock(mutex_);
    if (closed_ || ended_) return done({});
    head_done_ = std::move(done);
    to_write_.push_back(detail::render_response_head(head));
    write_next();
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) to_write_.clear();
    write_next();
  }

  void OnReadDone(bool ok) override {
    MutexLock lock(mutex_);
    if (!ok) {
      ended_ = true;
      return release();
    }
    if (response_.has_response_headers() && head_done_) {
      std::exchange(head_done_, nullptr)(detail::response_headers_of(response_));
    } else if (auto outcome = conversation_.on_response(response_)) {
      tell(*std::move(outcome));
    }
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    const auto self = shared_from_this();
    {
      MutexLock lock(mutex_);
      ended_ = true;
      if (head_done_) std::exchange(head_done_, nullptr)({});
      const std::string error = status.ok() ? "" : status.error_message();
      if (auto outcome = conversation_.on_end(error)) tell(*std::move(outcome));
      context_.reset();
    }
    running_->remove(self);
  }

 private:
  void tell(picker::PickOutcome outcome) REQUIRES(mutex_);
  void write_next() REQUIRES(mutex_) {
    if (writing_ || ended_ || closed_ || to_write_.empty()) return;
    writing_ = true;
    request_ = std::move(to_write_.front());
    to_write_.pop_front();
    StartWrite(&request_);
  }
  // Our side is over; the picker hears of it.
  void close() REQUIRES(mutex_) {
    if (std::exchange(closed_, true)) return;
    if (context_) context_->TryCancel();
    release();
  }
  void release() REQUIRES(mutex_) {
    if (!std::exchange(released_, true)) RemoveHold();
  }

  const std::shared_ptr<RunningCalls> running_;
  // Null once gRPC is done. It owns a share of the channel, see ~ExtProcPicker().
  std::unique_ptr<grpc::ClientContext> context_ = std::make_unique<grpc::ClientContext>();
  ext_proc::ProcessingRequest request_;
  ext_proc::ProcessingResponse response_;
  Mutex mutex_;
  ExtProcConversation conversation_ GUARDED_BY(mutex_);
  Done done_ GUARDED_BY(mutex_);
  HeadDone head_done_ GUARDED_BY(mutex_);
  std::deque<ext_proc::ProcessingRequest> to_write_ GUARDED_BY(mutex_);
  bool writing_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;     // By the picker.
  bool closed_ GUARDED_BY(mutex_) = false;    // By us.
  bool released_ GUARDED_BY(mutex_) = false;  // Our hold.
};

void RunningCalls::add(std::shared_ptr<Call> call) {
  MutexLock lock(mutex_);
  calls_.insert(std::move(call));
}

void RunningCalls::remove(const std::shared_ptr<Call>& call) {
  MutexLock lock(mutex_);
  calls_.erase(call);
  changed_.notify_all();
}

void RunningCalls::end_all() {
  std::set<std::shared_ptr<Call>> calls;
  {
    MutexLock lock(mutex_);
    calls = calls_;
  }
  for (const std::shared_ptr<Call>& call : calls) call->finish();
  MutexLock lock(mutex_);
  while (!calls_.empty()) changed_.wait(mutex_);
}

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

std::shared_ptr<grpc::ChannelCredentials> credentials_of(ExtProcOptions::Transport transport) {
  if (transport == ExtProcOptions::Transport::kPlain) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  return grpc::experimental::TlsCredentials(options);
}

std::unique_ptr<Stub> make_stub(const ExtProcOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName("round_robin");
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kConnectMs / 10);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMsMax);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const bool v6 = options.endpoints.front().starts_with('[');
  const std::string target = (v6 ? "ipv6:" : "ipv4:") + join(options.endpoints, ",");
  return ext_proc::ExternalProcessor::NewStub(
      grpc::CreateCustomChannel(target, credentials_of(options.transport), arguments));
}

class ExtProcPicker final : public picker::EndpointPicker {
 public:
  explicit ExtProcPicker(const ExtProcOptions& options) {
    if (!options.endpoints.empty()) stub_ = make_stub(options);
  }
  // Each call owns a share of the channel, and gRPC lets go of calls on its own threads. The last
  // channel of all waits for these threads to end, so it must not end on one of them.
  ~ExtProcPicker() override { running_->end_all(); }
  ExtProcPicker(const ExtProcPicker&) = delete;
  ExtProcPicker& operator=(const ExtProcPicker&) = delete;

  std::unique_ptr<picker::PickTicket> pick(picker::PickRequest request,
                                           std::function<void(picker::PickOutcome)> done) override {
    if (!stub_) {
      done({.refusal = picker::Refusal{.code_name = std::string(detail::kPickerUnavailable),
                                       .message = "no pod of the endpoint picker is ready"}});
      return nullptr;
    }
    const auto call = std::make_shared<Call>(request, std::move(done), running_);
    call->start(*stub_);
    return std::make_unique<Ticket>(call);
  }
  bool ready() const override { return stub_ != nullptr; }
  void begin_drain() override {}

 private:
  const std::shared_ptr<RunningCalls> running_ = std::make_shared<RunningCalls>();
  std::unique_ptr<Stub> stub_;  // Null: nobody to ask.
};

}  // namespace

std::shared_ptr<picker::EndpointPicker> make_ext_proc_picker(const ExtProcOptions& options) {
  return std::make_shared<ExtProcPicker>(options);
}

}  // namespace rage::gateway
