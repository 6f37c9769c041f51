#include "payload/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::payload {
namespace {

using testing::ElementsAre;

constexpr std::string_view kType = "multipart/form-data; boundary=B";

std::string part(std::string_view headers, std::string_view content) {
  return fmt::format("--B\r\n{}\r\n\r\n{}\r\n", headers, content);
}

std::string field(std::string_view name, std::string_view content) {
  return part(fmt::format("Content-Disposition: form-data; name=\"{}\"", name), content);
}

TEST(IsForm, LooksAtTheTypeAlone) {
  EXPECT_TRUE(is_form("multipart/form-data"));
  EXPECT_TRUE(is_form("Multipart/Form-Data ; boundary=x"));
  EXPECT_FALSE(is_form("multipart/mixed; boundary=x"));
  EXPECT_FALSE(is_form("application/json"));
  EXPECT_FALSE(is_form(""));
}

// Audio is binary: whatever looks a little like a boundary in it must not end it.
TEST(ParseForm, FindsPartsAmongBinary) {
  const std::string audio("RIFF\0\r\n--C\r\n\r\n-\r-\n--A", 22);
  const std::string file =
      "content-disposition:form-data;name=file;filename=\"a;b\\\".wav\"\r\nContent-Type: audio/wav";
  const std::string body =
      field("model", "whisper") + part(file, audio) + field("empty", "") + "--B--\r\n";
  const auto parts = parse_form("multipart/form-data; charset=utf-8; boundary=\"B\"", body);
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 3U);
  const auto text = [&](std::size_t i) {
    const ByteRange range = (*parts)[i].content;
    return body.substr(range.begin, range.end - range.begin);
  };
  EXPECT_EQ((*parts)[0].name, "model");
  EXPECT_FALSE((*parts)[0].is_file);
  EXPECT_EQ(text(0), "whisper");
  EXPECT_EQ((*parts)[1].name, "file");
  EXPECT_TRUE((*parts)[1].is_file);
  EXPECT_EQ(text(1), audio);
  EXPECT_EQ(text(2), "");
  EXPECT_TRUE(parse_form(kType, "\r\n--B \r\n" + field("a", "1").substr(5) + "--B--"));
  EXPECT_THAT(*parse_form(kType, "--B--\r\n"), ElementsAre());
}

// Where parsers of forms differ, a body could name one model to us and another to the server.
TEST(ParseForm, RefusesWhatParsersReadDifferently) {
  const std::string good = field("a", "1");
  for (const std::string& body : {
           std::string(),
           "x" + good + "--B--",
           good,                                                            // No last boundary.
           good + "--B-x",                                                  // Like a boundary.
           good + "--Bx\r\n" + good.substr(5) + "--B--",                    // Like a boundary.
           good + "--B--\r\n" + field("model", "m") + "--B--",              // After the end.
           part("Content-Type: text/plain", "1") + "--B--",                 // No name.
           part("Content-Disposition: form-data", "1") + "--B--",           // No name.
           part("Content-Disposition: attachment; name=a", "1") + "--B--",  // No form data.
           part("Content-Disposition: form-data; name=a; name=b", "1") + "--B--",
           part("Content-Disposition: form-data; name=a; name*=utf-8''b", "1") + "--B--",
           part("Content-Disposition: form-data; name=\"a", "1") + "--B--",
           part("Content-Disposition: form-data;\r\n name=a", "1") + "--B--",  // Folded.
           part("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
                "1") +
               "--B--",
           part("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
                "MQ==") +
               "--B--",
           std::string("--B\r\nContent-Disposition: form-data; name=a\r\n\r\n--B--"),
           std::string("--B\nContent-Disposition: form-data; name=a\n\n1\n--B--"),
           part("Content-Disposition: form-data; name=" + std::string(9000, 'a'), "1") + "--B--",
       }) {
    const auto parts = parse_form(kType, body);
    ASSERT_FALSE(parts) << body.substr(0, 200);
    EXPECT_EQ(parts.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(parts.error().message, testing::StartsWith("body is not a valid form: "));
  }
  for (const std::string& type :
       {std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        std::string("multipart/form-data; boundary=B; boundary=C"),
        std::string("multipart/form-data; boundary=\"B"),
        "multipart/form-data; boundary=" + std::string(71, 'b')}) {
    EXPECT_FALSE(parse_form(type, good + "--B--")) << type;
  }
}

TEST(ParseForm, LimitsTheNumberOfParts) {
  std::string body;
  for (int i = 0; i < 1024; ++i) body += field("a", "1");
  EXPECT_TRUE(parse_form(kType, body + "--B--"));
  EXPECT_FALSE(parse_form(kType, body + field("a", "1") + "--B--"));
}

}  // namespace
}  // namespace rage::payload
