#include "payload/field_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "payload/json_oracle_for_test.h"

namespace rage::payload {
namespace {

using Duplicates = FieldScanner::Duplicates;

Result<void> feed_in_pieces(FieldScanner& scanner, std::string_view body, std::size_t piece) {
  for (std::size_t at = 0; at < body.size(); at += piece) {
    RETURN_IF_ERROR(scanner.feed(body.substr(at, piece)));
  }
  return scanner.finish();
}

// A model name cut by a chunk's end must still route: Envoy cuts bodies anywhere.
TEST(FieldScanner, FindsFieldsWhereverTheBodyIsCut) {
  const std::string body =
      R"( {"messages":[{"model":"not this"}], "mod\u0065l" : "a\"b\ud83d\ude00é", "n":-1.5e3 ,)"
      R"("stop":[ "x", {"y":1}],"stream":true,"user":null} )";
  for (std::size_t piece = 1; piece <= body.size(); ++piece) {
    const auto scanner = FieldScanner::create({"model", "n", "stop", "stream", "user", "absent"},
                                              Duplicates::kFirstWins);
    const auto read = feed_in_pieces(*scanner, body, piece);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_TRUE(scanner->done());
    EXPECT_EQ(scanner->value("model"), "a\"b😀é");
    EXPECT_EQ(scanner->value("n"), "-1.5e3");
    EXPECT_EQ(scanner->value("stop"), R"([ "x", {"y":1}])");
    EXPECT_EQ(scanner->value("stream"), "true");
    EXPECT_EQ(scanner->value("user"), "null");
    EXPECT_EQ(scanner->value("absent"), std::nullopt);
    EXPECT_EQ(scanner->value("never asked for"), std::nullopt);
  }
}

// Latency: a router that knows the model need not wait for a megabyte of messages.
TEST(FieldScanner, IsDoneAsSoonAsEverythingIsKnown) {
  const auto scanner = FieldScanner::create({"model"}, Duplicates::kFirstWins);
  ASSERT_TRUE(scanner->feed(R"({"model":"m)"));
  EXPECT_FALSE(scanner->done());
  EXPECT_EQ(scanner->value("model"), std::nullopt);
  ASSERT_TRUE(scanner->feed(R"(",)"));
  EXPECT_TRUE(scanner->done());
  EXPECT_EQ(scanner->value("model"), "m");
}

// Two models in a body: a gateway that takes the first and a server that takes the last disagree.
TEST(FieldScanner, TreatsDuplicatesAsAsked) {
  const std::string body = R"({"model":"a","x":{"model":"c"},"model":"b"})";
  for (const auto& [duplicates, value] :
       {std::pair(Duplicates::kFirstWins, "a"), std::pair(Duplicates::kLastWins, "b")}) {
    const auto scanner = FieldScanner::create({"model"}, duplicates);
    ASSERT_TRUE(scanner->feed(body.substr(0, 16)));
    EXPECT_EQ(scanner->done(), duplicates == Duplicates::kFirstWins);
    ASSERT_TRUE(scanner->feed(body.substr(16)));
    EXPECT_TRUE(scanner->done());
    EXPECT_EQ(scanner->value("model"), value);
  }
  const auto refusing = FieldScanner::create({"model"}, Duplicates::kRefused);
  const auto read = refusing->feed(body);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(read.error().message, "\"model\" stands twice in the body");
  EXPECT_FALSE(refusing->feed("")) << "an error stays";
  EXPECT_FALSE(refusing->done());
}

// A hostile body must not make the router keep it.
TEST(FieldScanner, LimitsWhatItKeeps) {
  const std::string longest(FieldScanner::kValueBytesMax - 2, 'x');
  const auto scanner = FieldScanner::create({"model"}, Duplicates::kLastWins);
  EXPECT_TRUE(scanner->feed("{\"" + longest + longest + "\":\"" + longest + longest + "\","));
  EXPECT_TRUE(scanner->feed("\"model\":\"" + longest + "\"}"));
  EXPECT_EQ(scanner->value("model"), longest);
  const auto other = FieldScanner::create({"model"}, Duplicates::kLastWins);
  const auto read = other->feed("{\"model\":\"" + longest + "x\"}");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kResourceExhausted);
}

TEST(FieldScanner, RefusesWhatIsNoJsonObject) {
  const std::string deep64 = "{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}";
  EXPECT_TRUE(feed_in_pieces(*FieldScanner::create({}, Duplicates::kLastWins), deep64, 7));
  const std::string deep65 = "{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}";
  for (const std::string& body : {std::string(),
                                  std::string("{"),
                                  std::string("no healthy upstream"),
                                  std::string("[]"),
                                  std::string("7"),
                                  std::string("{}{}"),
                                  std::string("{} x"),
                                  std::string("{,}"),
                                  std::string("{\"a\":1,}"),
                                  std::string("{\"a\":[1,]}"),
                                  std::string("{\"a\":[1}"),
                                  std::string("{\"a\":01}"),
                                  std::string("{\"a\":+1}"),
                                  std::string("{\"a\":1.}"),
                                  std::string("{\"a\":1e}"),
                                  std::string("{\"a\":-}"),
                                  std::string("{\"a\":nul}"),
                                  std::string("{\"a\":NaN}"),
                                  std::string("{\"a\":truE}"),
                                  std::string("{a:1}"),
                                  std::string("{'a':1}"),
                                  std::string("{\"a\" 1}"),
                                  std::string("{\"a\":\"\\x\"}"),
                                  std::string("{\"a\":\"\\u12G4\"}"),
                                  std::string("{\"a\":\"\n\"}"),
                                  std::string("{\"a\":\"\xC0\xAF\"}"),
                                  std::string("{\"a\":\"\xED\xA0\x80\"}"),
                                  std::string("{\"a\":\"\xF4\x90\x80\x80\"}"),
                                  std::string("{\"a\":\"\xE2\x82\"}"),
                                  std::string("\xEF\xBB\xBF{}"),
                                  std::string("{\"a\":1"),
                                  std::string("{}\0", 3),
                                  deep65}) {
    for (const std::size_t piece : {std::size_t{1}, body.size() + 1}) {
      const auto scanner = FieldScanner::create({"a"}, Duplicates::kLastWins);
      const auto read = feed_in_pieces(*scanner, body, piece);
      ASSERT_FALSE(read) << body;
      EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
      EXPECT_FALSE(scanner->done());
    }
  }
}

// The scanner is a parser of our own: simdjson must agree with it, on damaged bodies too.
TEST(FieldScanner, AgreesWithSimdjson) {
  std::mt19937 random(20260401);
  const std::string body =
      R"({"model":"llama-\u0033","a":[1,-2.5e-3,[true,false,null,{}],{"b":"\\\"\/\n"}],)"
      R"("temperature":0.7,"x":{"model":7},"s":"é😀"})";
  constexpr std::string_view kBytes = "{}[]\":,\\u09eE.-+ntf \n\x80\xC3";
  int valid = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = body;
    for (std::size_t edits = random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      if (random() % 2 == 0) {
        text[at] = kBytes[random() % kBytes.size()];
      } else {
        text.erase(at, random() % 4);
      }
      if (text.empty()) break;
    }
    const auto scanner = FieldScanner::create({"model"}, Duplicates::kLastWins);
    const bool read = feed_in_pieces(*scanner, text, 1 + random() % 40).has_value();
    const OracleVerdict oracle = ask_oracle(text, "model");
    if (oracle.unsure) continue;
    ASSERT_EQ(read, oracle.valid && oracle.object) << text;
    if (!read) continue;
    ++valid;
    ASSERT_EQ(scanner->value("model").has_value(), oracle.found) << text;
  }
  EXPECT_GT(valid, 700);
}

}  // namespace
}  // namespace rage::payload
