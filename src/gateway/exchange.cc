#include "gateway/detail/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "gateway/detail/forwarded.h"
#include "gateway/detail/local_reply.h"
#include "obs/log.h"
#include "payload/inference_request.h"

namespace rage::gateway::detail {
namespace {

// What is kept of a body that streams through, in case it must be sent again.
constexpr std::size_t kReplayBytesMax = 64 << 10;
constexpr std::size_t kReserveBytesMax = 1 << 20;  // A declared length alone buys no more.

}  // namespace

Exchange::Exchange(WorkerContext& worker, ClientStream& client, RequestHead head,
                   RequestFacts facts)
    : worker_(worker),
      client_(client),
      head_(std::move(head)),
      facts_(std::move(facts)),
      snapshot_(worker.snapshot),
      listener_(worker.find_listener(facts_.listener)),
      began_(worker.loop.now()),
      host_(host_of(head_.authority)) {
  body_done_ = facts_.body.kind == Framing::Kind::kNone ||
               (facts_.body.kind == Framing::Kind::kLength && facts_.body.length == 0);
  worker_.metrics.requests_running.add(1);
  ++worker_.requests;
}

Exchange::~Exchange() {
  if (!done_) on_client_gone();
}

void Exchange::start() {
  if (worker_.options.client_headers == ClientHeaders::kStripped) {
    head_.headers.remove_if(is_picker_header);
  }
  const std::string id = fmt::format("{:08x}{:08x}", worker_.random(), worker_.random());
  add_forwarded(head_, facts_.peer, facts_.secure ? "https" : "http", id);
  trace_ = ExchangeTrace::begin(worker_.options.tracer, head_, host_);
  if (listener_ != nullptr) virtual_host_ = find_virtual_host(*listener_, host_);
  if (virtual_host_ == nullptr) {
    return reply(404, fmt::format("no listener of this gateway serves the host \"{}\"", host_));
  }
  // A name that was asked for in the handshake has its own certificate, and keeps to it.
  const bool misdirected =
      !facts_.server_name.empty() &&
      find_virtual_host(*listener_, to_lower_ascii(facts_.server_name)) != virtual_host_;
  if (misdirected) {
    return reply(421, "this connection was made for another host; open one for this host");
  }
  const bool may_name_model = !body_done_ && !virtual_host_->pools.empty() &&
                              payload::api_of(path_of(head_.target)) != payload::Api::kUnknown;
  if (may_name_model) return hold(Body::kHeldForRouting);
  route();
}

void Exchange::hold(Body why) {
  body_mode_ = why;
  if (facts_.body.length > worker_.options.held_body_bytes_max) {
    return reply(413, fmt::format("requests to models may have {} bytes at most",
                                  worker_.options.held_body_bytes_max));
  }
  body_.reserve(
      static_cast<std::size_t>(std::min<std::uint64_t>(facts_.body.length, kReserveBytesMax)));
  client_.resume_body();
}

void Exchange::on_body(std::string_view bytes) {
  if (done_) return;
  bytes_in_ += bytes.size();
  held() ? hold_bytes(bytes) : stream_bytes(bytes);
}

void Exchange::hold_bytes(std::string_view bytes) {
  if (body_.size() + bytes.size() > worker_.options.held_body_bytes_max) {
    return reply(413, fmt::format("requests to models may have {} bytes at most",
                                  worker_.options.held_body_bytes_max));
  }
  accounted_ += bytes.size();
  const std::uint64_t all = worker_.held_bytes.fetch_add(bytes.size()) + bytes.size();
  if (all > worker_.options.held_bytes_max) {
    return reply(503, "the gateway holds too many large requests at the moment");
  }
  body_.append(bytes);
}

void Exchange::stream_bytes(std::string_view bytes) {
  if (replayable_ && body_.size() + bytes.size() <= kReplayBytesMax && !replying_) {
    body_.append(bytes);
  } else {
    replayable_ = false;
    std::string().swap(body_);
  }
  if (upstream_ == nullptr) return;
  upstream_->send_body(bytes);
  if (upstream_->queued() > kQueuedBytesHigh) client_.pause_body();
}

void Exchange::on_body_end() {
  body_done_ = true;
  if (done_) return;
  if (held()) {
    held_ = std::make_shared<const std::string>(std::move(body_));
    body_ = {};
    if (body_mode_ == Body::kHeldForForwarding) return forward();
    note_model();
    return route();
  }
  if (upstream_ == nullptr) return;
  request_ended_ = true;
  upstream_->end();
}

void Exchange::on_body_refused(const Refusal& refusal) {
  if (done_) return;
  if (replying_) return abort();
  reply(refusal.status, refusal.text);
}

void Exchange::on_client_gone() {
  if (done_) return;
  if (!replying_) status_ = 499;
  worker_.metrics.client_gone.add();
  log_access("client gone");
  finish(picker::Completion::kClientDisconnect);
}

void Exchange::on_client_drained() {
  if (upstream_ != nullptr && std::exchange(upstream_paused_, false)) upstream_->resume();
}

void Exchange::on_request_timeout() {
  if (replying_) return abort();
  reply(504, "the request took longer than its route allows");
}

void Exchange::reply(int status, std::string_view message) {
  if (head_.headers.find("content-type").value_or("").starts_with("application/grpc")) {
    return reply(make_grpc_refusal(status, message), "");
  }
  const LocalReply local = make_local_reply(status, message);
  reply(local.head, local.body);
}

void Exchange::reply(const ResponseHead& head, std::string_view body) {
  status_ = head.status;
  replying_ = true;
  let_go();  // Before the client: nothing may come in between.
  client_.send_head(head, Framing::of_length(body.size()));
  if (!body.empty()) client_.send_body(body);
  client_.end(nullptr);
  bytes_out_ = body.size();
  worker_.metrics.requests(status_).add();
  log_access("answered here");
  finish(picker::Completion::kError);
}

void Exchange::abort() {
  cut_off_ = true;
  let_go();
  worker_.metrics.aborted.add();
  log_access("cut off");
  client_.abort();
  finish(picker::Completion::kError);
}

// Of everything that could still call.
void Exchange::let_go() {
  drop_upstream();
  stop_picking();
  models_query_.reset();
  shown_.reset();
  if (request_timer_) request_timer_->cancel();
  if (attempt_timer_) attempt_timer_->cancel();
}

void Exchange::stop_picking() {
  picking_ = false;
  if (ticket_) ticket_->cancel();
  ticket_.reset();
}

void Exchange::finish(picker::Completion how) {
  done_ = true;
  let_go();
  if (picked_) std::exchange(picked_, nullptr)->finish(how);
  if (trace_) end_trace(how);
  held_.reset();
  std::string().swap(body_);
  worker_.held_bytes.fetch_sub(std::exchange(accounted_, 0));
  worker_.metrics.requests_running.add(-1);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
  worker_.metrics.request_seconds.observe(took.count());
}

void Exchange::end_trace(picker::Completion how) {
  const std::string route =
      rule_ == nullptr ? "" : rule_->route.name_space + "/" + rule_->route.name;
  trace_->end({.status = status_,
               .route = route,
               .backend = backend_ == nullptr ? "" : backend_->object.name,
               .model = model_,
               .retries = retries_,
               .client_gone = how == picker::Completion::kClientDisconnect,
               .cut_off = cut_off_});
  trace_.reset();
}

void Exchange::log_access(std::string_view ending) {
  const std::uint32_t sample = worker_.options.access_log_sample;
  if (sample == 0) return;
  const bool failed = status_ >= 500 || ending == "cut off";
  if (!failed && worker_.requests % sample != 0) return;
  const auto took = std::chrono::steady_clock::now() - began_;
  obs::log().info(
      "request",
      {{"method", head_.method},
       {"path", path_of(head_.target)},
       {"host", host_},
       {"status", status_},
       {"ending", ending},
       {"ms", std::chrono::duration<double, std::milli>(took).count()},
       {"bytes_in", bytes_in_},
       {"bytes_out", bytes_out_},
       {"client", facts_.peer},
       {"request_id", head_.headers.find("x-request-id").value_or("")},
       {"route", rule_ != nullptr ? rule_->route.name_space + "/" + rule_->route.name : ""},
       {"backend", backend_ != nullptr ? backend_->object.name : ""},
       {"endpoint", destinations_.empty() ? "" : destinations_[destination_].text()},
       {"model", model_},
       {"retries", retries_}});
}

}  // namespace rage::gateway::detail
