#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "extproc/detail/wire.h"
#include "net/self_signed.h"

namespace rage::extproc {
namespace {

namespace pb = envoyapi::ext_proc;
using testing::ElementsAre;

pb::ProcessingRequest request_headers() {
  pb::ProcessingRequest request;
  auto& headers = *request.mutable_request_headers()->mutable_headers();
  headers.add_headers()->set_key(":path");
  headers.mutable_headers(0)->set_raw_value("/x");
  headers.add_headers()->set_key("a");
  headers.mutable_headers(1)->set_value("old");
  return request;
}

google::protobuf::Value& metadata(pb::ProcessingRequest& request, const std::string& space,
                                  const std::string& key) {
  auto& spaces = *request.mutable_metadata_context()->mutable_filter_metadata();
  return (*spaces[space].mutable_fields())[key];
}

constexpr const char* kSubset = "x-gateway-destination-endpoint-subset";

TEST(Wire, HeadersComeRawOrAsText) {
  pb::ProcessingRequest request = request_headers();
  const Message message = detail::read_message(request);
  EXPECT_EQ(message.kind, Kind::kRequestHeaders);
  EXPECT_EQ(message.headers.find(":path"), "/x");
  EXPECT_EQ(message.headers.find("a"), "old");
  EXPECT_EQ(message.header_bytes, 11U);
  EXPECT_EQ(message.protocol, std::nullopt);
  EXPECT_EQ(message.subset, std::nullopt) << "no subset is the whole pool";
}

// Rule 12; the empty list must not become the whole pool.
TEST(Wire, ASubsetIsAListOrOneText) {
  pb::ProcessingRequest list = request_headers();
  auto& values = *metadata(list, "envoy.lb.subset_hint", kSubset).mutable_list_value();
  values.add_values()->set_string_value(" 10.0.0.1:80 ");
  values.add_values()->set_string_value("[::1]:80");
  values.add_values()->set_number_value(3);
  EXPECT_THAT(*detail::read_message(list).subset, ElementsAre("10.0.0.1:80", "[::1]:80"));

  pb::ProcessingRequest text = request_headers();
  metadata(text, "envoy.lb.subset_hint", kSubset).set_string_value("10.0.0.1:80, 10.0.0.2:80,");
  EXPECT_THAT(*detail::read_message(text).subset, ElementsAre("10.0.0.1:80", "10.0.0.2:80"));

  for (const bool as_list : {true, false}) {
    pb::ProcessingRequest empty = request_headers();
    auto& value = metadata(empty, "envoy.lb.subset_hint", kSubset);
    as_list ? static_cast<void>(value.mutable_list_value()) : value.set_bool_value(true);
    EXPECT_THAT(*detail::read_message(empty).subset, testing::IsEmpty());
  }
}

TEST(Wire, ResponsesSayWhoServed) {
  pb::ProcessingRequest request;
  request.mutable_response_headers();
  metadata(request, "envoy.lb", "x-gateway-destination-endpoint-served")
      .set_string_value("10.0.0.1:80");
  EXPECT_EQ(detail::read_message(request).served, "10.0.0.1:80");
}

TEST(Wire, ModesAreThoseOfTheFirstMessage) {
  pb::ProcessingRequest request = request_headers();
  auto& config = *request.mutable_protocol_config();
  config.set_request_body_mode(pb::ProcessingMode::BUFFERED_PARTIAL);
  config.set_send_body_without_waiting_for_header_response(true);
  EXPECT_EQ(detail::read_message(request).protocol, (Protocol{.request = BodyMode::kBufferedPartial,
                                                              .response = BodyMode::kNone,
                                                              .sends_body_early = true}));
}

TEST(Wire, NothingInAMessageIsNothing) {
  pb::ProcessingRequest request;
  EXPECT_EQ(detail::read_message(request).kind, Kind::kImmediate);
}

// HeaderValue.value would make Envoy set the empty string; metadata goes by namespace.
TEST(Wire, RepliesSayItAsEnvoyReadsIt) {
  pb::ProcessingResponse response;
  detail::write_reply({.kind = Kind::kRequestHeaders,
                       .headers = {.set = {{"k", "v"}}, .remove = {"r"}},
                       .clear_route_cache = true,
                       .destination = {.endpoints = "a:1,b:2", .scores = {{"a:1", 0.5}}}},
                      response);
  const auto& common = response.request_headers().response();
  EXPECT_EQ(common.header_mutation().set_headers(0).header().raw_value(), "v");
  EXPECT_EQ(common.header_mutation().set_headers(0).header().value(), "");
  EXPECT_EQ(common.header_mutation().set_headers(0).append_action(),
            pb::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
  EXPECT_EQ(common.header_mutation().remove_headers(0), "r");
  EXPECT_TRUE(common.clear_route_cache());
  const auto& lb = response.dynamic_metadata().fields().at("envoy.lb").struct_value().fields();
  EXPECT_EQ(lb.at("x-gateway-destination-endpoint").string_value(), "a:1,b:2");
  EXPECT_EQ(lb.at("x-gateway-destination-endpoint-scores")
                .struct_value()
                .fields()
                .at("a:1")
                .number_value(),
            0.5);
}

TEST(Wire, BodiesAreUnchangedReplacedOrPieces) {
  const auto mutation = [](Reply::Body how, std::string bytes) {
    pb::ProcessingResponse response;
    detail::write_reply({.kind = Kind::kResponseBody,
                         .body_is = how,
                         .body = std::move(bytes),
                         .end_of_stream = true},
                        response);
    return response.response_body().response();
  };
  EXPECT_FALSE(mutation(Reply::Body::kUnchanged, "").has_body_mutation());
  EXPECT_EQ(mutation(Reply::Body::kReplaced, "x").body_mutation().body(), "x");
  EXPECT_TRUE(mutation(Reply::Body::kReplaced, "").body_mutation().clear_body());
  const auto piece = mutation(Reply::Body::kStreamed, "").body_mutation().streamed_response();
  EXPECT_TRUE(piece.end_of_stream());
}

TEST(Wire, ImmediateResponsesHaveStatusHeadersBodyAndDetails) {
  pb::ProcessingResponse response;
  Actions actions = refuse({.status = 429,
                            .code_name = "ResourceExhausted",
                            .message = "m",
                            .dropped_reason = "rejected-saturated"});
  detail::write_reply(actions.replies[0], response);
  const auto& immediate = response.immediate_response();
  EXPECT_EQ(immediate.status().code(), 429);
  EXPECT_EQ(immediate.body(), "inference error: ResourceExhausted - m");
  EXPECT_EQ(immediate.details(), "rage_rejected-saturated");
  EXPECT_EQ(immediate.headers().set_headers(0).header().raw_value(), "rejected-saturated");
}

TEST(SelfSigned, EveryServerHasItsOwnKey) {
  const WallTime now{std::chrono::seconds(1'767'225'600)};
  const auto one = net::make_self_signed(now);
  const auto two = net::make_self_signed(now);
  ASSERT_TRUE(one && two);
  EXPECT_THAT(one->chain_pem, testing::StartsWith("-----BEGIN CERTIFICATE-----"));
  EXPECT_THAT(one->key_pem, testing::StartsWith("-----BEGIN PRIVATE KEY-----"));
  EXPECT_NE(one->key_pem, two->key_pem);
}

}  // namespace
}  // namespace rage::extproc
