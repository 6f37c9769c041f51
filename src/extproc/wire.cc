#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "extproc/detail/wire.h"
#include "extproc/headers.h"

namespace rage::extproc::detail {
namespace {

namespace pb = envoyapi::ext_proc;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr std::string_view kLbNamespace = "envoy.lb";
constexpr std::string_view kSubsetNamespace = "envoy.lb.subset_hint";
constexpr std::string_view kSubsetKey = "x-gateway-destination-endpoint-subset";
constexpr std::string_view kServedKey = "x-gateway-destination-endpoint-served";
constexpr std::string_view kScoresKey = "x-gateway-destination-endpoint-scores";
constexpr int kSubsetMax = 10'000;

void read_headers(const pb::HeaderMap& map, Message& message) {
  for (const pb::HeaderValue& header : map.headers()) {
    const std::string& value = header.raw_value().empty() ? header.value() : header.raw_value();
    message.headers.add(header.key(), value);
    message.header_bytes += header.key().size() + value.size();
  }
}

BodyMode mode_of(pb::ProcessingMode::BodySendMode mode) {
  switch (mode) {
    case pb::ProcessingMode::NONE:
      return BodyMode::kNone;
    case pb::ProcessingMode::STREAMED:
      return BodyMode::kStreamed;
    case pb::ProcessingMode::BUFFERED:
      return BodyMode::kBuffered;
    case pb::ProcessingMode::BUFFERED_PARTIAL:
      return BodyMode::kBufferedPartial;
    default:  // GRPC is answered in the same shape; so may be what is not known yet.
      return BodyMode::kFullDuplex;
  }
}

const Value* find_metadata(const pb::ProcessingRequest& request, std::string_view space,
                           std::string_view key) {
  if (!request.has_metadata_context()) return nullptr;
  const auto& all = request.metadata_context().filter_metadata();
  const auto found = all.find(std::string(space));
  if (found == all.end()) return nullptr;
  const auto field = found->second.fields().find(std::string(key));
  return field == found->second.fields().end() ? nullptr : &field->second;
}

// A list of strings, or one string with commas. Present but of another type: nothing is eligible.
std::vector<std::string> read_subset(const Value& value) {
  std::vector<std::string> subset;
  if (value.has_list_value()) {
    for (const Value& entry : value.list_value().values()) {
      const std::string_view endpoint = trim(entry.string_value());
      if (!endpoint.empty() && subset.size() < kSubsetMax) subset.emplace_back(endpoint);
    }
  } else if (value.has_string_value()) {
    for (const std::string_view part : split(value.string_value(), ',')) {
      const std::string_view endpoint = trim(part);
      if (!endpoint.empty() && subset.size() < kSubsetMax) subset.emplace_back(endpoint);
    }
  }
  return subset;
}

void read_body(Kind kind, pb::HttpBody& body, Message& message) {
  message.kind = kind;
  message.body = std::move(*body.mutable_body());
  message.end_of_stream = body.end_of_stream();
}

void read_head(Kind kind, const pb::HttpHeaders& headers, Message& message) {
  message.kind = kind;
  message.end_of_stream = headers.end_of_stream();
  read_headers(headers.headers(), message);
}

void read_part(pb::ProcessingRequest& request, Message& message) {
  switch (request.request_case()) {
    case pb::ProcessingRequest::kRequestHeaders:
      return read_head(Kind::kRequestHeaders, request.request_headers(), message);
    case pb::ProcessingRequest::kResponseHeaders:
      return read_head(Kind::kResponseHeaders, request.response_headers(), message);
    case pb::ProcessingRequest::kRequestBody:
      return read_body(Kind::kRequestBody, *request.mutable_request_body(), message);
    case pb::ProcessingRequest::kResponseBody:
      return read_body(Kind::kResponseBody, *request.mutable_response_body(), message);
    case pb::ProcessingRequest::kRequestTrailers:
      message.kind = Kind::kRequestTrailers;
      return;
    case pb::ProcessingRequest::kResponseTrailers:
      message.kind = Kind::kResponseTrailers;
      return;
    case pb::ProcessingRequest::REQUEST_NOT_SET:
      message.kind = Kind::kImmediate;
      return;
  }
}

void write_changes(HeaderChanges changes, pb::HeaderMutation& mutation) {
  for (auto& [name, value] : changes.set) {
    pb::HeaderValueOption& option = *mutation.add_set_headers();
    option.mutable_header()->set_key(std::move(name));
    option.mutable_header()->set_raw_value(std::move(value));
    option.set_append_action(pb::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
  }
  for (std::string& name : changes.remove) mutation.add_remove_headers(std::move(name));
}

void write_common(Reply& reply, pb::CommonResponse& common) {
  if (!reply.headers.empty()) {
    write_changes(std::move(reply.headers), *common.mutable_header_mutation());
  }
  common.set_clear_route_cache(reply.clear_route_cache);
  switch (reply.body_is) {
    case Reply::Body::kUnchanged:
      return;
    case Reply::Body::kReplaced:
      if (reply.body.empty()) {
        common.mutable_body_mutation()->set_clear_body(true);
      } else {
        common.mutable_body_mutation()->set_body(std::move(reply.body));
      }
      return;
    case Reply::Body::kStreamed: {
      pb::StreamedBodyResponse& piece =
          *common.mutable_body_mutation()->mutable_streamed_response();
      piece.set_body(std::move(reply.body));
      piece.set_end_of_stream(reply.end_of_stream);
      return;
    }
  }
}

void write_immediate(Reply& reply, pb::ImmediateResponse& response) {
  response.mutable_status()->set_code(reply.status);
  write_changes(std::move(reply.headers), *response.mutable_headers());
  response.set_body(std::move(reply.body));
  response.set_details(std::move(reply.details));
}

void write_destination(const Destination& destination, Struct& metadata) {
  Struct& space = *(*metadata.mutable_fields())[std::string(kLbNamespace)].mutable_struct_value();
  (*space.mutable_fields())[std::string(kDestinationHeader)].set_string_value(
      destination.endpoints);
  if (destination.scores.empty()) return;
  Struct& scores = *(*space.mutable_fields())[std::string(kScoresKey)].mutable_struct_value();
  for (const auto& [endpoint, score] : destination.scores) {
    (*scores.mutable_fields())[endpoint].set_number_value(score);
  }
}

}  // namespace

Message read_message(pb::ProcessingRequest& request) {
  Message message;
  read_part(request, message);
  if (request.has_protocol_config()) {
    const pb::ProtocolConfiguration& config = request.protocol_config();
    message.protocol =
        Protocol{.request = mode_of(config.request_body_mode()),
                 .response = mode_of(config.response_body_mode()),
                 .sends_body_early = config.send_body_without_waiting_for_header_response()};
  }
  if (message.kind == Kind::kRequestHeaders) {
    if (const Value* subset = find_metadata(request, kSubsetNamespace, kSubsetKey)) {
      message.subset = read_subset(*subset);
    }
  } else if (message.kind == Kind::kResponseHeaders) {
    const Value* served = find_metadata(request, kLbNamespace, kServedKey);
    if (served != nullptr) message.served = served->string_value();
  }
  return message;
}

void write_reply(Reply reply, pb::ProcessingResponse& response) {
  if (!reply.destination.endpoints.empty()) {
    write_destination(reply.destination, *response.mutable_dynamic_metadata());
  }
  switch (reply.kind) {
    case Kind::kRequestHeaders:
      return write_common(reply, *response.mutable_request_headers()->mutable_response());
    case Kind::kRequestBody:
      return write_common(reply, *response.mutable_request_body()->mutable_response());
    case Kind::kRequestTrailers:
      response.mutable_request_trailers();
      return;
    case Kind::kResponseHeaders:
      return write_common(reply, *response.mutable_response_headers()->mutable_response());
    case Kind::kResponseBody:
      return write_common(reply, *response.mutable_response_body()->mutable_response());
    case Kind::kResponseTrailers:
      response.mutable_response_trailers();
      return;
    case Kind::kImmediate:
      return write_immediate(reply, *response.mutable_immediate_response());
  }
  UNREACHABLE();
}

}  // namespace rage::extproc::detail
