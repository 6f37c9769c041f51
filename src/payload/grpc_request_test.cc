#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "payload/inference_request.h"

namespace rage::payload {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kGenerate = "/vllm.grpc.engine.VllmEngine/Generate";

std::string framed(std::string_view message, char flag = '\0') {
  std::string body(1, flag);
  for (const int shift : {24, 16, 8, 0}) body += static_cast<char>(message.size() >> shift);
  return body.append(message);
}

std::string proto_field(int number, std::string_view bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())}.append(
      bytes);
}

std::string varint_field(int number, std::string_view varint) {
  return std::string(1, static_cast<char>(number << 3)).append(varint);
}

Result<InferenceRequest> parse_grpc(std::string_view body, std::string_view path = kGenerate) {
  return parse_inference_request(path, "application/grpc+proto", body);
}

TEST(GrpcRequest, ReadsIdsPackedOrNot) {
  const std::string ids =
      proto_field(1, "text") + proto_field(2, "\x05\xAC\x02") + varint_field(2, "\x07");
  const std::string sampling = std::string("\x0D\0\0\0\0", 5) + varint_field(8, "\xE8\x07");
  const auto request = parse_grpc(framed(proto_field(1, "id") + proto_field(2, ids) +
                                         proto_field(4, sampling) + varint_field(5, "\x01")));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->api, Api::kVllmGenerate);
  EXPECT_THAT(request->token_prompts, ElementsAre(ElementsAre(5, 300, 7)));
  EXPECT_THAT(request->prompts, IsEmpty());
  EXPECT_EQ(request->output_tokens_max, 1000U);
  EXPECT_TRUE(request->stream);
  EXPECT_EQ(request->model_range, std::nullopt);
  EXPECT_THAT(
      parse_grpc(framed(proto_field(2, ids)), "/vllm.grpc.engine.VllmEngine/Embed")->token_prompts,
      ElementsAre(ElementsAre(5, 300, 7)));
}

TEST(GrpcRequest, TakesTheLastOfTextAndIds) {
  const std::string ids = proto_field(2, proto_field(2, "\x05"));
  EXPECT_THAT(parse_grpc(framed(ids + proto_field(3, "q")))->prompts, ElementsAre("q"));
  EXPECT_THAT(parse_grpc(framed(ids + proto_field(3, "q")))->token_prompts, IsEmpty());
  EXPECT_THAT(parse_grpc(framed(proto_field(3, "q") + ids))->token_prompts,
              ElementsAre(ElementsAre(5)));
  EXPECT_THAT(parse_grpc(framed(proto_field(3, "q") + ids))->prompts, IsEmpty());
}

// Compression is the client's right; only the prefix is unknown then.
TEST(GrpcRequest, PassesWhatIsCompressed) {
  const auto request = parse_grpc(framed("\xFF\xFF", '\1'));
  ASSERT_TRUE(request);
  EXPECT_THAT(request->token_prompts, IsEmpty());
}

TEST(GrpcRequest, RefusesWhatIsNotOneMessage) {
  for (const std::string& body :
       {std::string(), std::string("\0\0\0\0", 4), framed("") + "x", framed("").substr(0, 4) + "\1",
        framed(proto_field(3, "q")) + framed(""), framed("\x12"), framed("\x12\x02\x01"),
        framed("\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), framed("\x13"),
        framed(std::string("\x00\x01", 2)), framed("\x09"), framed("\x10\x01"), framed("\x18\x01"),
        framed(proto_field(2, proto_field(2, "\x80"))), framed("{}")}) {
    const auto request = parse_grpc(body);
    ASSERT_FALSE(request) << testing::PrintToString(body);
    EXPECT_EQ(request.error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace rage::payload
