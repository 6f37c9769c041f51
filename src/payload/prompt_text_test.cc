#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "payload/inference_request.h"

namespace rage::payload {
namespace {

using testing::EndsWith;
using testing::StartsWith;

std::string text_of(std::string_view path, std::string_view body, const VideoHints& video = {}) {
  const auto request = parse_inference_request(path, "", body, video);
  EXPECT_TRUE(request) << request.error().message << "\n" << body;
  return request && request->prompts.size() == 1 ? request->prompts[0] : "";
}

std::string chat(std::string_view body, const VideoHints& video = {}) {
  return text_of("/v1/chat/completions", body, video);
}

std::string chat_of(std::string_view part) {
  return chat(fmt::format(R"({{"messages":[{{"role":"user","content":[{}]}}]}})", part));
}

// Two clients that ask the same must share a cached prefix, however they write their JSON.
TEST(PromptText, DependsOnWhatIsSaidAlone) {
  const std::string expected = R"([{"type":"function","function":{"name":"f g"}}])"
                               "systemBe brief.userHi";
  EXPECT_EQ(chat(R"({"messages":[{"role":"system","content":"Be brief."},)"
                 R"({"role":"user","content":"Hi"}],)"
                 R"("tools":[{"type":"function","function":{"name":"f g"}}]})"),
            expected);
  EXPECT_EQ(
      chat(R"({ "tools" : [ { "type":"function", "function":{ "name" : "f g" } } ],)"
           R"("messages":[{"content":[{"type":"text","text":"Be "},{"text":"br\u0069ef."}],)"
           R"("role":"system","name":"x"}, {"content":"Hi","role":"user"}],"tool_choice":1})"),
      expected);
}

TEST(PromptText, HasWhatToolsWereCalledAndSaid) {
  EXPECT_EQ(chat(R"({"messages":[{"role":"assistant","tool_calls":[ {"id":"1"} ],"content":null},)"
                 R"({"role":"tool","tool_call_id":"1","content":"42"}]})"),
            R"(assistant[{"id":"1"}]tool42)");
  EXPECT_EQ(
      text_of("/v1/messages",
              R"({"system":"s","messages":[{"role":"assistant","content":[{"type":)"
              R"("tool_use","id":"1","name":"f","input":{ "a": 1 }}]},{"role":"user","content")"
              R"(:[{"type":"tool_result","content":[{"type":"text","text":"42"}],)"
              R"("cache_control":{"type":"ephemeral"}}]}]})"),
      R"(sassistant{"a":1}user42)");
}

// Two images must not look like one prefix; the same image must, wherever its bytes come from.
TEST(PromptText, TellsImagesApart) {
  const std::string a = chat_of(R"({"type":"image_url","image_url":{"url":"http://h/a.png"}})");
  EXPECT_EQ(a.size(), 4U + 299 * 4);
  EXPECT_EQ(a.substr(4, 4), a.substr(a.size() - 4));
  EXPECT_EQ(a, chat_of(R"({"image_url":{"detail":"low","url":"http:\/\/h/a.png"}})"));
  EXPECT_EQ(a, chat_of(R"({"type":"input_image","image_url":"http://h/a.png"})"));
  EXPECT_NE(a, chat_of(R"({"type":"image_url","image_url":{"url":"http://h/b.png"}})"));
  EXPECT_THAT(chat_of(R"({"text":"x"},{"image_url":"u"},{"text":"y"})"), StartsWith("userx"));
  EXPECT_THAT(chat_of(R"({"text":"x"},{"image_url":"u"},{"text":"y"})"), EndsWith("y"));
}

TEST(PromptText, KnowsTheKindsOfMedia) {
  for (const auto& [part, multimodal] : {
           std::pair(R"({"image_url":{"url":"u"}})", true),
           std::pair(R"({"video_url":{"url":"u"}})", true),
           std::pair(R"({"audio_url":{"url":"u"}})", true),
           std::pair(R"({"input_audio":{"data":"AAAA","format":"wav"}})", true),
           std::pair(R"({"type":"image","source":{"type":"base64","data":"AAAA"}})", true),
           std::pair(R"({"text":"image_url"})", false),
           std::pair(R"({"image_url":null})", false),
       }) {
    const auto request = parse_inference_request(
        "/v1/chat/completions", "", fmt::format(R"({{"messages":[{{"content":[{}]}}]}})", part));
    ASSERT_TRUE(request) << part;
    EXPECT_EQ(request->multimodal, multimodal) << part;
  }
}

TEST(PromptText, TakesTheLengthOfVideosFromHints) {
  const std::string body = R"({"messages":[{"content":[{"video_url":{"url":"u"}}]}]})";
  EXPECT_EQ(chat(body).size(), 10U * 299 * 4);
  EXPECT_EQ(chat(body, {.fps = 2, .duration_seconds = 3, .width = 56, .height = 28}).size(),
            6U * 2 * 4);
  EXPECT_EQ(chat(body, {.fps = 1e9, .width = 1U << 31, .height = 1U << 31}).size(), 16384U * 4);
  EXPECT_EQ(chat(body, {.fps = -1}).size(), 299U * 4);
}

// A megabyte of tiny images must not become gigabytes of text.
TEST(PromptText, LimitsWhatMediaAdd) {
  std::string parts = R"({"image_url":"u"})";
  for (int i = 0; i < 20000; ++i) parts += R"(,{"image_url":"u"})";
  EXPECT_LT(chat_of(parts).size(), std::size_t{2} << 20);
}

}  // namespace
}  // namespace rage::payload
