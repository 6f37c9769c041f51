// Sending the request to an endpoint, trying again, and passing the reply on.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gateway/detail/exchange.h"

namespace rage::gateway::detail {
namespace {

using FailureKind = UpstreamFailure::Kind;

constexpr std::chrono::milliseconds kShownHeadLimit{2'000};

int status_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::kConnect:
    case FailureKind::kOverload:
      return 503;
    case FailureKind::kReset:
    case FailureKind::kBroken:
    case FailureKind::kProtocol:
      return 502;
  }
  return 502;
}

// For traces.
std::string_view name_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::kConnect:
      return "connect";
    case FailureKind::kOverload:
      return "overload";
    case FailureKind::kReset:
      return "reset";
    case FailureKind::kBroken:
      return "broken";
    case FailureKind::kProtocol:
      return "protocol";
  }
  return "unknown";
}

std::string describe(const UpstreamFailure& failure, const net::Address& endpoint) {
  switch (failure.kind) {
    case FailureKind::kConnect:
      return fmt::format("cannot connect to the backend {}: {}", endpoint.text(), failure.text);
    case FailureKind::kOverload:
      return fmt::format("too many requests are under way at the backend {}", endpoint.text());
    case FailureKind::kReset:
    case FailureKind::kBroken:
      return fmt::format("the backend {} failed: {}; it may have begun to work on the request",
                         endpoint.text(), failure.text);
    case FailureKind::kProtocol:
      return fmt::format("the backend {} sent no valid HTTP: {}", endpoint.text(), failure.text);
  }
  return {};
}

}  // namespace

void Exchange::attempt(UpstreamPool::Reuse reuse) {
  request_ended_ = upstream_paused_ = false;
  held_sent_ = 0;
  if (trace_) trace_->begin_attempt(destinations_[destination_].text(), head_);
  const auto protocol = h2c_ ? UpstreamProtocol::kHttp2 : UpstreamProtocol::kHttp1;
  upstream_ = worker_.upstreams.open(destinations_[destination_], protocol, reuse, *this);
  if (upstream_ == nullptr) return on_upstream_failure({.kind = FailureKind::kOverload});
  const auto limit = rule_->backend_timeout.value_or(std::chrono::milliseconds(0));
  if (limit.count() > 0) arm_attempt_timer(limit);
  send_request();
}

void Exchange::arm_attempt_timer(std::chrono::milliseconds delay) {
  if (!attempt_timer_) {
    attempt_timer_ = std::make_unique<net::Timer>(worker_.loop, [this] { on_attempt_timer(); });
  }
  attempt_timer_->expire_after(delay);
}

void Exchange::send_request() {
  if (held_) {
    upstream_->send_head(head_, Framing::of_length(held_->size()));
    return send_held();
  }
  upstream_->send_head(head_, facts_.body);
  if (!body_.empty()) upstream_->send_body(body_);
  request_ended_ = body_done_;
  body_done_ ? upstream_->end() : client_.resume_body();
}

// In pieces: the connection's queue is no second copy of a large body.
void Exchange::send_held() {
  while (held_sent_ < held_->size() && upstream_->queued() <= kQueuedBytesHigh) {
    const std::string_view piece = std::string_view(*held_).substr(held_sent_, kQueuedBytesHigh);
    held_sent_ += piece.size();
    upstream_->send_body(piece);
  }
  if (held_sent_ < held_->size() || request_ended_) return;
  request_ended_ = true;
  upstream_->end();
}

void Exchange::on_upstream_drained() {
  if (held_) return send_held();
  if (body_mode_ == Body::kStreamed && !body_done_) client_.resume_body();
}

void Exchange::drop_upstream() {
  if (upstream_ == nullptr) return;
  if (trace_) trace_->end_attempt();
  std::exchange(upstream_, nullptr)->cancel();
}

void Exchange::on_upstream_failure(UpstreamFailure failure) {
  upstream_ = nullptr;
  shown_.reset();
  worker_.metrics.upstream_failures.add();
  if (trace_) trace_->fail_attempt(name_of(failure.kind));
  if (replying_) return abort();
  retry_or({.what = FailedAttempt::What::kConnection,
            .failure = failure.kind,
            .reused = failure.reused,
            .unsent = failure.unsent},
           status_of(failure.kind), describe(failure, destinations_[destination_]));
}

void Exchange::retry_or(const FailedAttempt& failed, int status, std::string_view message) {
  if (attempt_timer_) attempt_timer_->cancel();
  if (try_again(failed)) return;
  reply(status, message);
}

bool Exchange::try_again(const FailedAttempt& failed) {
  const RetryState state{.retries = retries_,
                         .stale_retried = stale_retried_,
                         .replayable = replayable_,
                         .idempotent = is_idempotent(head_.method),
                         .pool = pool_ != nullptr,
                         .others = destinations_.size() - 1 - destination_,
                         .unnamed = unnamed().size()};
  const RetryDecision decision = plan_retry(failed, state, rule_->retry);
  if (decision.again == Again::kNo) return false;
  drop_upstream();
  if (body_mode_ == Body::kStreamed) client_.pause_body();  // Until there is an upstream again.
  worker_.metrics.retries.add();
  if (decision.again == Again::kSame) {
    stale_retried_ = true;
    attempt(UpstreamPool::Reuse::kFreshOnly);
    return true;
  }
  ++retries_;
  if (state.others > 0) ++destination_;
  repick_ = decision.again == Again::kPick;
  decision.delay.count() == 0 ? next_attempt() : arm_attempt_timer(decision.delay);
  return true;
}

void Exchange::next_attempt() {
  repick_ ? pick_again() : attempt(UpstreamPool::Reuse::kAllowed);
}

void Exchange::on_attempt_timer() {
  if (shown_) return on_head_shown({});  // The picker has no say in it then.
  if (picking_) {
    stop_picking();
    return fail_open("the endpoint picker did not answer in time");
  }
  if (upstream_ == nullptr) return next_attempt();
  if (trace_) trace_->fail_attempt("timeout");
  drop_upstream();
  if (replying_) return abort();
  retry_or({.what = FailedAttempt::What::kTimeout}, 504,
           fmt::format("the backend {} did not answer in the time its route allows",
                       destinations_[destination_].text()));
}

void Exchange::on_upstream_head(ResponseHead head, const Framing& framing) {
  if (trace_) trace_->note_attempt_status(head.status);
  const FailedAttempt failed{.what = FailedAttempt::What::kStatus, .status = head.status};
  if (head.status >= 400 && try_again(failed)) return;
  pool_ == nullptr ? send_reply_head(std::move(head), framing)
                   : show_reply_head(std::move(head), framing);
}

// To the picker's exchange, which may add to it.
void Exchange::show_reply_head(ResponseHead head, const Framing& framing) {
  const std::string served = destinations_[destination_].text();
  picker::ResponseHead shown{.status = head.status, .served = served};
  if (picked_) {
    for (std::size_t i = 0; i < head.headers.size(); ++i) {
      shown.headers.add(head.headers.name(i), head.headers.value(i));
    }
  }
  if (worker_.options.served_endpoint_header) {
    head.headers.set("x-gateway-destination-endpoint-served", served);
  }
  if (!picked_) return send_reply_head(std::move(head), framing);
  if (auto* const remote = dynamic_cast<RemoteExchange*>(picked_.get())) {
    shown_ = std::make_unique<ShownHead>(ShownHead{.head = std::move(head), .framing = framing});
    return ask_about_head(*remote, std::move(shown));
  }
  for (const auto& [name, value] : picked_->on_response_headers(shown)) {
    head.headers.set(name, value);
  }
  body_shown_ = picked_->wants_response_body();
  send_reply_head(std::move(head), framing);
}

void Exchange::ask_about_head(RemoteExchange& remote, picker::ResponseHead shown) {
  if (upstream_ != nullptr) upstream_->pause();
  upstream_paused_ = true;
  arm_attempt_timer(kShownHeadLimit);
  remote.ask_response_headers(
      shown, [loop = &worker_.loop, self = weak_from_this()](RemoteExchange::Headers headers) {
        loop->post([self, headers = std::move(headers)] {
          const auto exchange = self.lock();
          if (exchange && exchange->shown_) exchange->on_head_shown(headers);
        });
      });
}

void Exchange::on_head_shown(const RemoteExchange::Headers& headers) {
  const auto shown = std::exchange(shown_, nullptr);
  attempt_timer_->cancel();
  for (const auto& [name, value] : headers) shown->head.headers.set(name, value);
  send_reply_head(std::move(shown->head), shown->framing);
  send_reply_body(shown->body);
  if (shown->ended) {
    return on_upstream_end(shown->trailers.size() > 0 ? &shown->trailers : nullptr);
  }
  if (client_.queued() > kQueuedBytesHigh || upstream_ == nullptr) return;
  upstream_paused_ = false;
  upstream_->resume();
}

void Exchange::send_reply_head(ResponseHead head, const Framing& framing) {
  status_ = head.status;
  replying_ = true;
  if (body_mode_ == Body::kStreamed) std::string().swap(body_);
  for (const auto* edits : filtered_.response_edits) edit_headers(*edits, head.headers);
  Framing sent = framing;
  const bool may_change = body_shown_ && body_rewritten_ && framing.kind == Framing::Kind::kLength;
  if (framing.kind == Framing::Kind::kUntilClose || may_change) sent = Framing::chunked();
  if (sent.kind == Framing::Kind::kLength) reply_left_ = sent.length;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
  worker_.metrics.first_byte_seconds.observe(took.count());
  client_.send_head(head, sent);
}

void Exchange::on_upstream_body(std::string_view bytes) {
  if (shown_) {
    shown_->body.append(bytes);
  } else if (body_shown_) {
    const std::string shown = picked_->on_response_body(bytes, false);
    send_reply_body(shown);
  } else {
    send_reply_body(bytes);
  }
}

void Exchange::send_reply_body(std::string_view bytes) {
  if (bytes.empty()) return;
  bytes_out_ += bytes.size();
  if (reply_left_) *reply_left_ -= std::min<std::uint64_t>(*reply_left_, bytes.size());
  client_.send_body(bytes);
  if (client_.queued() > kQueuedBytesHigh && upstream_ != nullptr &&
      !std::exchange(upstream_paused_, true)) {
    upstream_->pause();
  }
}

void Exchange::on_upstream_end(const HeaderBlock* trailers) {
  upstream_ = nullptr;
  if (shown_) {
    shown_->ended = true;
    if (trailers != nullptr) shown_->trailers = *trailers;
    return;
  }
  if (body_shown_) {
    const std::string rest = picked_->on_response_body("", true);
    send_reply_body(rest);
  }
  if (reply_left_.value_or(0) != 0) return abort();  // Held back for good: our bug, not a body.
  let_go();
  client_.end(trailers);
  worker_.metrics.requests(status_).add();
  log_access("complete");
  finish(picker::Completion::kNormal);
}

}  // namespace rage::gateway::detail
