#include "extproc/bbr_stream.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "extproc/headers.h"
#include "payload/inference_request.h"

namespace rage::extproc {
namespace {

std::vector<std::string> fields_of(const BbrConfig& config) {
  std::vector<std::string> fields;
  for (const HeaderRule& rule : config.rules) {
    if (std::ranges::find(fields, rule.field) == fields.end()) fields.push_back(rule.field);
  }
  return fields;
}

bool has_type(const net::Headers& headers, std::string_view prefix) {
  const std::string_view type = trim(headers.find("content-type"));
  return equals_ignoring_case(type.substr(0, prefix.size()), prefix);
}

}  // namespace

BbrStream::BbrStream(const BbrConfig& config, std::shared_ptr<const AdapterMap> adapters,
                     const BbrObserver& observer)
    : config_(config), adapters_(std::move(adapters)), observer_(observer) {}

Actions BbrStream::on_message(Message message, SteadyTime now) {
  if (closed_) return {};
  if (message.protocol) {
    protocol_ = *message.protocol;
    response_.begin(protocol_.response);
  }
  Actions actions = dispatch(std::move(message));
  closed_ = closed_ || actions.close;
  const bool waits = saw_headers_ && !request_.released() && !response_.started() && !closed_;
  deadline_ = waits ? std::optional(now + config_.body_timeout) : std::nullopt;
  return actions;
}

Actions BbrStream::dispatch(Message message) {
  switch (message.kind) {
    case Kind::kRequestHeaders:
      return on_request_headers(std::move(message));
    case Kind::kRequestBody:
      return on_request_body(std::move(message));
    case Kind::kRequestTrailers:
      return on_request_trailers();
    case Kind::kResponseHeaders:
    case Kind::kResponseBody:
    case Kind::kResponseTrailers:
      return on_response(std::move(message));
    case Kind::kImmediate:
      return violation("a message without contents");
  }
  UNREACHABLE();
}

Actions BbrStream::on_pick(picker::PickOutcome, SteadyTime) {
  return {};
}

Actions BbrStream::on_eviction(const picker::Refusal&) {
  return {};
}

Actions BbrStream::on_deadline(SteadyTime now) {
  if (closed_ || !deadline_ || now < *deadline_) return {};
  return refuse_client(408, "RequestTimeout", "the request's body did not arrive in time");
}

Actions BbrStream::on_request_headers(Message message) {
  if (saw_headers_) return violation("request headers came twice");
  saw_headers_ = true;
  if (message.header_bytes > config_.header_bytes_max) {
    return refuse_client(431, "RequestHeaderFieldsTooLarge", "the request's headers are too large");
  }
  headers_ = std::move(message.headers);
  request_.begin(protocol_, message.end_of_stream);
  Actions actions;
  if (message.end_of_stream) {
    RouteChange change{.headers = {.remove = headers_to_remove(headers_, {})}};
    change.clear_route_cache = !change.headers.empty();
    request_.release(std::move(change), {}, std::nullopt, actions.replies);
    return actions;
  }
  const bool shown = request_.decision() != Decision::kAtHeaders;
  if (shown && !has_type(headers_, "application/grpc")) {
    reading_ = has_type(headers_, "multipart/form-data") ? Reading::kForm : Reading::kJson;
  }
  if (reading_ == Reading::kJson) {
    using payload::FieldScanner;
    first_ = FieldScanner::create(fields_of(config_), FieldScanner::Duplicates::kFirstWins);
    last_ = FieldScanner::create(fields_of(config_), FieldScanner::Duplicates::kLastWins);
  }
  if (request_.decision() == Decision::kInBodyReply) {
    request_.answer_headers_early({}, actions.replies);
  } else if (reading_ == Reading::kNothing) {
    decide(actions);
  }
  return actions;
}

Actions BbrStream::on_request_body(Message message) {
  if (!saw_headers_) return violation("a request's body came before its headers");
  if (response_.started() && !request_.released()) return {};  // The proxy has answered itself.
  if (!request_.take_body(message.end_of_stream)) return {};
  body_bytes_ += message.body.size();
  if (body_bytes_ > config_.body_bytes_max) {
    return refuse_client(413, "PayloadTooLarge", "the request's body is too large");
  }
  const bool complete = message.end_of_stream || protocol_.request == BodyMode::kBuffered;
  const bool released = request_.released();
  if (!released && (reading_ == Reading::kForm || protocol_.request == BodyMode::kFullDuplex)) {
    held_ += message.body;
  }
  if (const auto looked = look_at(message.body, complete); !looked) {
    return refuse_client(400, "BadRequest", looked.error().message);
  }
  Actions actions;
  if (released) {
    request_.pass_body(std::move(message.body), actions.replies);
  } else if (complete || (first_ && first_->done()) ||
             protocol_.request == BodyMode::kBufferedPartial) {
    decide(actions);
  }
  return actions;
}

Actions BbrStream::on_request_trailers() {
  if (!saw_headers_) return violation("a request's trailers came before its headers");
  if (response_.started() && !request_.released()) return {};
  if (!request_.take_trailers()) return {};
  if (!body_complete_) {
    if (const auto looked = look_at({}, true); !looked) {
      return refuse_client(400, "BadRequest", looked.error().message);
    }
  }
  Actions actions;
  if (request_.released()) {
    request_.pass_trailers(actions.replies);
  } else {
    decide(actions);
  }
  return actions;
}

Actions BbrStream::on_response(Message message) {
  Actions actions;
  if (message.kind == Kind::kResponseHeaders) {
    response_.answer_headers({}, message.end_of_stream, actions.replies);
  } else if (message.kind == Kind::kResponseBody) {
    if (response_.take_body(message.end_of_stream) != ResponseRelay::Take::kIgnore) {
      response_.pass_body(std::move(message.body), std::nullopt, actions.replies);
    }
  } else {
    response_.take_trailers();
    response_.pass_trailers({}, actions.replies);
  }
  return actions;
}

Result<void> BbrStream::look_at(std::string_view bytes, bool complete) {
  body_complete_ = complete;
  if (reading_ == Reading::kForm && complete) {
    ASSIGN_OR_RETURN(const auto form,
                     payload::parse_inference_request(headers_.find(":path"),
                                                      headers_.find("content-type"), held_));
    if (!form.model.empty()) form_model_ = form.model;
  }
  return reading_ == Reading::kJson ? look_at_json(bytes, complete) : Result<void>();
}

Result<void> BbrStream::look_at_json(std::string_view bytes, bool complete) {
  if (complete && body_bytes_ == 0) {
    return fail(ErrorCode::kInvalidArgument, "the request's body is empty");
  }
  if (!first_->done()) RETURN_IF_ERROR(first_->feed(bytes));
  RETURN_IF_ERROR(last_->feed(bytes));
  if (complete) RETURN_IF_ERROR(last_->finish());
  for (const HeaderRule& rule : config_.rules) {
    const std::optional<std::string> last = last_->value(rule.field);
    if (last && last != first_->value(rule.field)) {
      return fail(ErrorCode::kInvalidArgument, "\"{}\" is given twice, differently", rule.field);
    }
  }
  return {};
}

std::optional<std::string> BbrStream::value_of(const std::string& field) const {
  if (first_) return first_->value(field);
  return field == "model" ? form_model_ : std::nullopt;
}

void BbrStream::decide(Actions& actions) {
  Result<HeaderChanges> changes = plan_headers();
  if (!changes) {
    actions = refuse_client(400, "BadRequest", changes.error().message);
    return;
  }
  RouteChange change{.headers = *std::move(changes)};
  change.clear_route_cache = !change.headers.empty();
  request_.release(std::move(change), held_, std::nullopt, actions.replies);
  held_ = {};
  headers_ = {};
}

Result<HeaderChanges> BbrStream::plan_headers() {
  HeaderChanges changes;
  for (const HeaderRule& rule : config_.rules) {
    std::optional<std::string> value = value_of(rule.field);
    if (!value) {
      observer_.on_not_found(rule.field);
    } else if (value->empty()) {
      observer_.on_empty(rule.field);
    } else if (!is_header_value(*value)) {
      return fail(ErrorCode::kInvalidArgument, "\"{}\" is too long or has control characters",
                  rule.field);
    } else {
      if (rule.type == HeaderRule::Type::kBaseModelToHeader) value = adapters_->find_base(*value);
      changes.set.emplace_back(rule.header, *std::move(value));
    }
  }
  if (!changes.set.empty()) observer_.on_success();
  changes.remove = headers_to_remove(headers_, changes.set);
  for (const HeaderRule& rule : config_.rules) {
    const bool set = std::ranges::any_of(
        changes.set, [&](const auto& field) { return field.first == rule.header; });
    if (!set && headers_.has(rule.header)) changes.remove.push_back(rule.header);
  }
  return changes;
}

Actions BbrStream::refuse_client(int status, std::string code_name, std::string message) {
  closed_ = true;
  return refuse(picker::Refusal{
      .status = status, .code_name = std::move(code_name), .message = std::move(message)});
}

}  // namespace rage::extproc
