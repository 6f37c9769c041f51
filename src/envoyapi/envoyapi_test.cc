#include <gtest/gtest.h>

#include <string>

#include "envoyapi/grpc_for_test.h"

namespace rage::envoyapi {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text.push_back(static_cast<char>(value));
  return text;
}

// A wrong path, and a proxy gets UNIMPLEMENTED for every request.
TEST(EnvoyApi, ServicesHaveTheNamesThatProxiesCall) {
  EXPECT_STREQ(ext_proc::ExternalProcessor::service_full_name(),
               "envoy.service.ext_proc.v3.ExternalProcessor");
  EXPECT_STREQ(health::Health::service_full_name(), "grpc.health.v1.Health");
}

// A wrong field number, and Envoy does not see what we say: it reports no error, the header is
// missing. The expected bytes are tag (number << 3 | wire type), length, contents.
TEST(EnvoyApi, RepliesHaveEnvoysBytes) {
  ext_proc::ProcessingResponse reply;
  auto* common = reply.mutable_request_headers()->mutable_response();
  common->set_clear_route_cache(true);
  auto* option = common->mutable_header_mutation()->add_set_headers();
  option->mutable_header()->set_key("k");
  option->mutable_header()->set_raw_value("v");
  option->set_append_action(ext_proc::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
  common->mutable_header_mutation()->add_remove_headers("r");
  EXPECT_EQ(reply.SerializeAsString(),
            bytes({0x0A, 21,   0x0A, 19,  0x12, 15, 0x0A, 10, 0x0A, 6,    0x0A, 1,
                   'k',  0x1A, 1,    'v', 0x18, 2,  0x12, 1,  'r',  0x28, 1}));

  ext_proc::ProcessingResponse body;
  auto* streamed = body.mutable_request_body()
                       ->mutable_response()
                       ->mutable_body_mutation()
                       ->mutable_streamed_response();
  streamed->set_body("b");
  streamed->set_end_of_stream(true);
  EXPECT_EQ(body.SerializeAsString(),
            bytes({0x1A, 11, 0x0A, 9, 0x1A, 7, 0x1A, 5, 0x0A, 1, 'b', 0x10, 1}));

  ext_proc::ProcessingResponse immediate;
  immediate.mutable_immediate_response()->mutable_status()->set_code(429);
  immediate.mutable_immediate_response()->set_body("x");
  immediate.mutable_immediate_response()->set_details("d");
  EXPECT_EQ(immediate.SerializeAsString(),
            bytes({0x3A, 11, 0x0A, 3, 0x08, 0xAD, 0x03, 0x1A, 1, 'x', 0x2A, 1, 'd'}));
}

TEST(EnvoyApi, RequestsAreReadFromEnvoysBytes) {
  ext_proc::ProcessingRequest request;
  ASSERT_TRUE(request.ParseFromString(
      bytes({0x12, 14, 0x0A, 10, 0x0A, 8, 0x0A, 2, ':', 'p', 0x1A, 2, '/', 'x', 0x18, 1,  //
             0x5A, 6,  0x08, 4,  0x10, 2, 0x18, 1})));
  EXPECT_TRUE(request.request_headers().end_of_stream());
  EXPECT_EQ(request.request_headers().headers().headers(0).raw_value(), "/x");
  EXPECT_EQ(request.protocol_config().request_body_mode(),
            ext_proc::ProcessingMode::FULL_DUPLEX_STREAMED);
  EXPECT_EQ(request.protocol_config().response_body_mode(), ext_proc::ProcessingMode::BUFFERED);
  EXPECT_TRUE(request.protocol_config().send_body_without_waiting_for_header_response());
}

}  // namespace
}  // namespace rage::envoyapi
