#include "extproc/epp_stream.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "extproc/headers.h"

namespace rage::extproc {
namespace {

using picker::Completion;
using picker::Refusal;

// What picks have always said on responses; tests of other gateways look for it.
constexpr std::string_view kResponseMark = "x-went-into-resp-headers";

Refusal client_error(int status, std::string code_name, std::string message) {
  return Refusal{
      .status = status, .code_name = std::move(code_name), .message = std::move(message)};
}

int status_of(const net::Headers& headers) {
  return static_cast<int>(parse_uint(headers.find(":status")).value_or(0));
}

// A proxy answers 500 to a name or value that is none; what a plugin made of client input is not
// worth that.
void add_valid(Fields& to, Fields from) {
  for (auto& [name, value] : from) {
    if (is_header_name(name) && is_header_value(value)) {
      to.emplace_back(to_lower_ascii(name), std::move(value));
    }
  }
}

}  // namespace

Actions EppStream::on_message(Message message, SteadyTime now) {
  if (phase_ == Phase::kClosed) return {};
  if (message.protocol) {
    protocol_ = *message.protocol;
    response_.begin(protocol_.response);
  }
  Actions actions = dispatch(std::move(message));
  if (actions.close) phase_ = Phase::kClosed;
  if (phase_ == Phase::kAwaitBody) {
    deadline_ = now + config_.body_timeout;
  } else if (actions.pick) {
    deadline_ = now + config_.pick_timeout;
  } else if (phase_ != Phase::kPicking) {
    deadline_.reset();
  }
  return actions;
}

Actions EppStream::dispatch(Message message) {
  switch (message.kind) {
    case Kind::kRequestHeaders:
      return on_request_headers(std::move(message));
    case Kind::kRequestBody:
      return on_request_body(std::move(message));
    case Kind::kRequestTrailers:
      return on_request_trailers();
    case Kind::kResponseHeaders:
      return on_response_headers(std::move(message));
    case Kind::kResponseBody:
      return on_response_body(std::move(message));
    case Kind::kResponseTrailers:
      return on_response_trailers();
    case Kind::kImmediate:
      return violation("a message without contents");
  }
  UNREACHABLE();
}

Actions EppStream::on_request_headers(Message message) {
  if (phase_ != Phase::kAwaitHeaders) return violation("request headers came twice");
  if (message.header_bytes > config_.header_bytes_max) {
    return close_with(
        client_error(431, "RequestHeaderFieldsTooLarge", "the request's headers are too large"));
  }
  headers_ = std::move(message.headers);
  if (!config_.ignore_subset) subset_ = std::move(message.subset);
  request_.begin(protocol_, message.end_of_stream);
  Actions actions;
  switch (request_.decision()) {
    case Decision::kAtHeaders:
      start_pick(false, actions);
      break;
    case Decision::kInBodyReply:
      request_.answer_headers_early({}, actions.replies);
      [[fallthrough]];
    case Decision::kFromHeldBody:
      phase_ = Phase::kAwaitBody;
      break;
  }
  return actions;
}

Actions EppStream::on_request_body(Message message) {
  if (phase_ == Phase::kAwaitHeaders) return violation("a request's body came before its headers");
  if (phase_ == Phase::kAnswered || !request_.take_body(message.end_of_stream)) return {};
  Actions actions;
  if (phase_ == Phase::kRouted) {
    request_.pass_body(std::move(message.body), actions.replies);
    return actions;
  }
  body_bytes_ += message.body.size();
  if (body_bytes_ > config_.body_bytes_max) {
    actions = close_with(client_error(413, "PayloadTooLarge", "the request's body is too large"));
    return actions;
  }
  if (phase_ == Phase::kPicking)
    return actions;  // Without a body; it is answered with the headers.
  if (collecting_.empty()) {
    collecting_ = std::move(message.body);
  } else {
    collecting_ += message.body;
  }
  const bool whole = message.end_of_stream || protocol_.request == BodyMode::kBuffered;
  if (whole || protocol_.request == BodyMode::kBufferedPartial) start_pick(whole, actions);
  return actions;
}

Actions EppStream::on_request_trailers() {
  if (phase_ == Phase::kAwaitHeaders) {
    return violation("a request's trailers came before its headers");
  }
  if (phase_ == Phase::kAnswered || !request_.take_trailers()) return {};
  Actions actions;
  if (phase_ == Phase::kRouted) request_.pass_trailers(actions.replies);
  if (phase_ == Phase::kAwaitBody) start_pick(true, actions);
  return actions;
}

void EppStream::start_pick(bool whole, Actions& actions) {
  phase_ = Phase::kPicking;
  body_whole_ = whole;
  body_ = std::make_shared<const std::string>(std::move(collecting_));
  collecting_ = {};
  actions.pick = picker::PickRequest{.method = std::string(headers_.find(":method")),
                                     .path = std::string(headers_.find(":path")),
                                     .headers = client_headers(headers_),
                                     .body = whole ? body_ : nullptr,
                                     .subset = std::move(subset_)};
}

Actions EppStream::on_pick(picker::PickOutcome outcome, SteadyTime) {
  if (phase_ != Phase::kPicking) return {};  // Too late; the exchange ends with `outcome`.
  phase_ = Phase::kRouted;
  deadline_.reset();
  if (outcome.refusal) return close_with(*outcome.refusal);
  if (!outcome.pick || outcome.pick->destinations.empty()) {
    return close_with(Refusal{.status = 503,
                              .code_name = "ServiceUnavailable",
                              .message = "no endpoint was picked",
                              .dropped_reason = "rejected-no-endpoints"});
  }
  picker::Pick& pick = *outcome.pick;
  exchange_ = std::move(pick.exchange);
  if (!body_whole_) pick.body.reset();
  RouteChange change = plan_route(pick);
  Actions actions;
  request_.release(std::move(change), *body_, pick.body, actions.replies);
  body_.reset();
  headers_ = {};
  return actions;
}

RouteChange EppStream::plan_route(picker::Pick& pick) const {
  RouteChange change{.clear_route_cache = true};
  change.destination.endpoints = join(pick.destinations, ",");
  if (config_.emit_scores && pick.scores.size() == pick.destinations.size()) {
    for (std::size_t i = 0; i < pick.scores.size(); ++i) {
      change.destination.scores.emplace_back(pick.destinations[i], pick.scores[i]);
    }
  }
  change.headers.set.emplace_back(kDestinationHeader, change.destination.endpoints);
  add_valid(change.headers.set, std::move(pick.request_headers));
  // In kBuffered the body's answer says it; otherwise the proxy drops the header unless told not
  // to.
  if (pick.body && request_.decision() == Decision::kFromHeldBody &&
      headers_.has("content-length")) {
    change.headers.set.emplace_back("content-length", fmt::format("{}", pick.body->size()));
  }
  change.headers.remove = headers_to_remove(headers_, change.headers.set);
  return change;
}

Actions EppStream::on_response_headers(Message message) {
  Actions actions;
  if (phase_ == Phase::kAwaitBody || phase_ == Phase::kPicking) {
    actions.drop_pick = phase_ == Phase::kPicking;
    phase_ = Phase::kAnswered;
  }
  HeaderChanges changes{.set = {{std::string(kResponseMark), "true"}}};
  const bool end = message.end_of_stream;
  if (exchange_) {
    add_valid(changes.set, exchange_->on_response_headers({.status = status_of(message.headers),
                                                           .headers = std::move(message.headers),
                                                           .served = std::move(message.served)}));
  }
  response_.answer_headers(std::move(changes), end, actions.replies);
  if (end) finish(Completion::kNormal);
  return actions;
}

Actions EppStream::on_response_body(Message message) {
  Actions actions;
  const ResponseRelay::Take take = response_.take_body(message.end_of_stream);
  if (take == ResponseRelay::Take::kIgnore) return actions;
  const bool last = take == ResponseRelay::Take::kLast;
  std::optional<std::string> changed;
  if (exchange_ && response_.started() && exchange_->wants_response_body()) {
    changed = exchange_->on_response_body(message.body, last);
    if (*changed == message.body) changed.reset();
  }
  response_.pass_body(std::move(message.body), std::move(changed), actions.replies);
  if (last) finish(Completion::kNormal);
  return actions;
}

Actions EppStream::on_response_trailers() {
  Actions actions;
  std::string rest;
  if (response_.take_trailers() && exchange_ && response_.started() &&
      exchange_->wants_response_body()) {
    rest = exchange_->on_response_body({}, true);
  }
  response_.pass_trailers(std::move(rest), actions.replies);
  finish(Completion::kNormal);
  return actions;
}

Actions EppStream::on_eviction(const Refusal& refusal) {
  if (phase_ != Phase::kRouted || !exchange_ || response_.ended()) return {};
  finish(Completion::kEvicted);
  return close_with(refusal);
}

Actions EppStream::on_deadline(SteadyTime now) {
  if (!deadline_ || now < *deadline_) return {};
  if (phase_ == Phase::kAwaitBody) {
    return close_with(
        client_error(408, "RequestTimeout", "the request's body did not arrive in time"));
  }
  if (phase_ != Phase::kPicking) return {};
  Actions actions = close_with(Refusal{.status = 503,
                                       .code_name = "ServiceUnavailable",
                                       .message = "no endpoint was picked in time",
                                       .dropped_reason = "rejected-ttl-expired",
                                       .retry_after = std::chrono::seconds(1)});
  actions.drop_pick = true;
  return actions;
}

void EppStream::on_gone() {
  phase_ = Phase::kClosed;
  deadline_.reset();
  finish(response_.ended() || response_.ends_unseen() ? Completion::kNormal
                                                      : Completion::kClientDisconnect);
}

Actions EppStream::close_with(const Refusal& refusal) {
  const bool picking = phase_ == Phase::kPicking;
  phase_ = Phase::kClosed;
  deadline_.reset();
  body_.reset();
  Actions actions = refuse(refusal);
  actions.drop_pick = picking;
  return actions;
}

void EppStream::finish(Completion how) {
  if (const auto exchange = std::exchange(exchange_, nullptr)) exchange->finish(how);
}

}  // namespace rage::extproc
