#include "gateway/detail/ext_proc_conversation.h"

#include <algorithm>
#include <string_view>

#include "base/strings.h"
#include "gateway/detail/model_name.h"

namespace rage::gateway::detail {
namespace {

namespace ext_proc = envoyapi::ext_proc;

constexpr std::string_view kDestination = "x-gateway-destination-endpoint";
constexpr std::string_view kSubset = "x-gateway-destination-endpoint-subset";
constexpr std::string_view kServed = "x-gateway-destination-endpoint-served";

void add_header(ext_proc::HeaderMap& map, std::string_view key, std::string_view value) {
  ext_proc::HeaderValue& header = *map.add_headers();
  header.set_key(std::string(key));
  header.set_raw_value(std::string(value));
}

// The message's framing and addressing are ours.
bool may_set(std::string_view name) {
  return !name.empty() && !name.starts_with(':') && name != "host" && name != "content-length" &&
         name != "transfer-encoding" && name != "connection" && name != "te" && name != "upgrade";
}

bool is_clean(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return c == '\t' || c < 0 || (c >= ' ' && c != 0x7F); });
}

ExtProcHeaders set_headers_of(const ext_proc::HeaderMutation& mutation) {
  ExtProcHeaders headers;
  for (const ext_proc::HeaderValueOption& option : mutation.set_headers()) {
    const ext_proc::HeaderValue& header = option.header();
    const std::string name = to_lower_ascii(header.key());
    const std::string& value = header.raw_value().empty() ? header.value() : header.raw_value();
    const bool token =
        std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
    if (may_set(name) && token && is_clean(value)) headers.emplace_back(name, value);
  }
  return headers;
}

std::vector<std::string> split_destinations(std::string_view text) {
  std::vector<std::string> destinations;
  for (const std::string_view part : split(text, ',')) {
    if (!trim(part).empty()) destinations.emplace_back(trim(part));
  }
  return destinations;
}

std::vector<std::string> destinations_in_metadata(const google::protobuf::Struct& metadata) {
  const auto space = metadata.fields().find("envoy.lb");
  if (space == metadata.fields().end()) return {};
  const auto& fields = space->second.struct_value().fields();
  const auto value = fields.find(std::string(kDestination));
  return value == fields.end() ? std::vector<std::string>()
                               : split_destinations(value->second.string_value());
}

picker::Refusal unavailable(std::string message) {
  return {
      .status = 503, .code_name = std::string(kPickerUnavailable), .message = std::move(message)};
}

// "inference error: ResourceExhausted - full" is what pickers write; others say what they like.
picker::Refusal refusal_of(const ext_proc::ImmediateResponse& response) {
  picker::Refusal refusal{.status = response.status().code(), .code_name = "Refused"};
  if (refusal.status < 300 || refusal.status > 599) refusal.status = 503;
  std::string_view text = trim(response.body());
  constexpr std::string_view kPrefix = "inference error: ";
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  if (const std::size_t dash = text.find(" - "); dash != text.npos) {
    refusal.code_name = text.substr(0, dash);
    text.remove_prefix(dash + 3);
  }
  refusal.message = text;
  for (const auto& [name, value] : set_headers_of(response.headers())) {
    if (name == "x-llm-d-request-dropped-reason") refusal.dropped_reason = value;
    if (name != "retry-after") continue;
    if (const auto seconds = parse_uint(value)) {
      refusal.retry_after = std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400));
    }
  }
  return refusal;
}

void set_modes(ext_proc::ProcessingRequest& request) {
  auto& config = *request.mutable_protocol_config();
  config.set_request_body_mode(ext_proc::ProcessingMode::FULL_DUPLEX_STREAMED);
  config.set_response_body_mode(ext_proc::ProcessingMode::NONE);
}

void add_subset(const std::vector<std::string>& subset, ext_proc::ProcessingRequest& request) {
  auto& metadata =
      (*request.mutable_metadata_context()->mutable_filter_metadata())["envoy.lb.subset_hint"];
  auto& list = *(*metadata.mutable_fields())[std::string(kSubset)].mutable_list_value();
  for (const std::string& endpoint : subset) list.add_values()->set_string_value(endpoint);
}

}  // namespace

std::vector<ext_proc::ProcessingRequest> render_pick_request(const picker::PickRequest& request) {
  std::vector<ext_proc::ProcessingRequest> messages;
  ext_proc::ProcessingRequest& first = messages.emplace_back();
  set_modes(first);
  auto& head = *first.mutable_request_headers();
  add_header(*head.mutable_headers(), ":method", request.method);
  add_header(*head.mutable_headers(), ":path", request.path);
  add_header(*head.mutable_headers(), ":scheme", "http");
  for (const auto& [name, value] : request.headers.entries()) {
    add_header(*head.mutable_headers(), name, value);
  }
  head.set_end_of_stream(request.body == nullptr);
  if (request.subset) add_subset(*request.subset, first);
  if (!request.body) return messages;
  std::string_view rest = *request.body;
  do {
    auto& body = *messages.emplace_back().mutable_request_body();
    body.set_body(std::string(rest.substr(0, kExtProcPieceBytes)));
    rest.remove_prefix(std::min(rest.size(), kExtProcPieceBytes));
    body.set_end_of_stream(rest.empty());
  } while (!rest.empty());
  return messages;
}

ext_proc::ProcessingRequest render_response_head(const picker::ResponseHead& head) {
  ext_proc::ProcessingRequest message;
  auto& headers = *message.mutable_response_headers();
  add_header(*headers.mutable_headers(), ":status", std::to_string(head.status));
  for (const auto& [name, value] : head.headers.entries()) {
    add_header(*headers.mutable_headers(), name, value);
  }
  if (!head.served.empty()) {
    auto& metadata = (*message.mutable_metadata_context()->mutable_filter_metadata())["envoy.lb"];
    (*metadata.mutable_fields())[std::string(kServed)].set_string_value(head.served);
  }
  return message;
}

std::optional<picker::PickOutcome> ExtProcConversation::on_response(
    const ext_proc::ProcessingResponse& response) {
  if (decided_) return std::nullopt;
  switch (response.response_case()) {
    case ext_proc::ProcessingResponse::kImmediateResponse:
      decided_ = true;
      return picker::PickOutcome{.refusal = refusal_of(response.immediate_response())};
    case ext_proc::ProcessingResponse::kRequestHeaders:
      read_headers(response);
      return outcome_if_complete();
    case ext_proc::ProcessingResponse::kRequestBody:
      read_body(response.request_body().response());
      return outcome_if_complete();
    case ext_proc::ProcessingResponse::kRequestTrailers:
      body_done_ = true;
      return outcome_if_complete();
    case ext_proc::ProcessingResponse::kResponseHeaders:
    case ext_proc::ProcessingResponse::kResponseBody:
    case ext_proc::ProcessingResponse::kResponseTrailers:
    case ext_proc::ProcessingResponse::RESPONSE_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

void ExtProcConversation::read_headers(const ext_proc::ProcessingResponse& response) {
  headers_done_ = true;
  headers_ = set_headers_of(response.request_headers().response().header_mutation());
  for (const auto& [name, value] : headers_) {
    if (name == kDestination) destinations_ = split_destinations(value);
  }
  auto named = destinations_in_metadata(response.dynamic_metadata());
  if (!named.empty()) destinations_ = std::move(named);
}

void ExtProcConversation::read_body(const ext_proc::CommonResponse& response) {
  const ext_proc::BodyMutation& mutation = response.body_mutation();
  switch (mutation.mutation_case()) {
    case ext_proc::BodyMutation::kStreamedResponse: {
      if (!body_) body_.emplace();
      *body_ += mutation.streamed_response().body();
      body_done_ = body_done_ || mutation.streamed_response().end_of_stream();
      return;
    }
    case ext_proc::BodyMutation::kBody:
      body_ = mutation.body();
      body_done_ = true;
      return;
    case ext_proc::BodyMutation::kClearBody:
    case ext_proc::BodyMutation::MUTATION_NOT_SET:  // Seen, and left as it is.
      body_done_ = body_done_ || !body_;
      return;
  }
}

std::optional<picker::PickOutcome> ExtProcConversation::outcome_if_complete() {
  if (!headers_done_ || (has_body_ && !body_done_)) return std::nullopt;
  decided_ = true;
  if (destinations_.empty()) {
    return picker::PickOutcome{.refusal = unavailable("the endpoint picker named no endpoint")};
  }
  picker::Pick pick{.destinations = std::move(destinations_),
                    .request_headers = std::move(headers_)};
  if (body_) pick.body = std::move(body_);
  return picker::PickOutcome{.pick = std::move(pick)};
}

std::optional<picker::PickOutcome> ExtProcConversation::on_end(const std::string& error) {
  if (decided_) return std::nullopt;
  if (error.empty() && headers_done_ && !body_) {  // It had no more to say.
    body_done_ = true;
    return outcome_if_complete();
  }
  decided_ = true;
  return picker::PickOutcome{
      .refusal = unavailable(error.empty() ? "the endpoint picker ended without an answer"
                                           : "the endpoint picker failed: " + error)};
}

ExtProcHeaders response_headers_of(const ext_proc::ProcessingResponse& response) {
  return set_headers_of(response.response_headers().response().header_mutation());
}

}  // namespace rage::gateway::detail
