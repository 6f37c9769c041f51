#include "extproc/bbr_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "extproc/messages_for_test.h"

namespace rage::extproc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Bbr {
  explicit Bbr(BbrConfig with = {}, AdapterMap adapters = {})
      : config(std::move(with)),
        observer{.on_success = [this] { ++success; },
                 .on_not_found = [this](const std::string& field) { ++not_found[field]; },
                 .on_empty = [this](const std::string& field) { ++empty[field]; }},
        stream(config, std::make_shared<const AdapterMap>(std::move(adapters)), observer) {}

  std::vector<std::string> say(Message message) {
    Actions actions = stream.on_message(std::move(message), kStart);
    std::vector<std::string> lines;
    for (const Reply& reply : actions.replies) lines.push_back(describe(reply));
    if (actions.close) lines.emplace_back("close");
    if (!actions.violation.empty()) lines.push_back(actions.violation);
    return lines;
  }
  std::vector<std::string> say_all(std::vector<Message> messages) {
    std::vector<std::string> lines;
    for (Message& message : messages) {
      for (std::string& line : say(std::move(message))) lines.push_back(std::move(line));
    }
    return lines;
  }

  BbrConfig config;
  int success = 0;
  std::map<std::string, int> not_found;
  std::map<std::string, int> empty;
  BbrObserver observer;
  BbrStream stream;
};

constexpr auto kModel = R"({"model":"m","p":"x"})";

// A long upload must not wait for its end: the route is known once the model is.
TEST(BbrStream, AnswersHeadersAsSoonAsTheModelIsSeenAndPassesBytesUntouched) {
  Bbr bbr;
  EXPECT_THAT(bbr.say(post()), IsEmpty());
  EXPECT_THAT(bbr.say(body(R"({ "p":1.50, "mod)")), IsEmpty());
  EXPECT_THAT(bbr.say(body(R"(el":"m", "x":)")),
              ElementsAre("headers +x-gateway-model-name=m route",
                          R"(body '{ "p":1.50, "model":"m", "x":')"));
  EXPECT_THAT(bbr.say(body(R"(1e400})")), ElementsAre("body '1e400}'"));
  EXPECT_THAT(bbr.say(body("", true)), ElementsAre("body '' end"));
  EXPECT_EQ(bbr.success, 1);
}

struct BbrCase {
  const char* name;
  std::vector<Message> messages;
  std::vector<std::string> replies;
};

// The order headers, body, trailers; one end; one reply a message where the mode wants that.
TEST(BbrStream, EveryBodyModeGetsTheReplyItWants) {
  const std::vector<BbrCase> cases = {
      {"one message",
       {post(), body(kModel, true)},
       {"headers +x-gateway-model-name=m route", std::string("body '") + kModel + "' end"}},
      {"a second end is ignored (Envoy #46237)",
       {post(), body(kModel, true), body("", true), body(kModel, true)},
       {"headers +x-gateway-model-name=m route", std::string("body '") + kModel + "' end"}},
      {"trailers end the body (rule 8)",
       {post(), body(kModel), trailers()},
       {"headers +x-gateway-model-name=m route", std::string("body '") + kModel + "'", "trailers"}},
      {"trailers end a body without the field",
       {post(), body("{"), body("}"), trailers()},
       {"headers", "body '{}'", "trailers"}},
      {"no body at all: nothing to look at, a client's header stays",
       {headers({{":method", "GET"}, {"x-gateway-model-name", "c"}}, true)},
       {"headers"}},
      {"NONE: no body to trust",
       {post({{"x-gateway-model-name", "c"}}, kNoBody)},
       {"headers -x-gateway-model-name route"}},
      {"BUFFERED: changes go with the body",
       {post({}, kBuffered), body(kModel, true)},
       {"headers", "body +x-gateway-model-name=m route"}},
      {"BUFFERED with trailers",
       {post({}, kBuffered), body(kModel), trailers()},
       {"headers", "body +x-gateway-model-name=m route", "trailers"}},
      {"BUFFERED_PARTIAL, cut off",
       {post({}, kPartial), body(R"({"model":"m","p)")},
       {"headers", "body +x-gateway-model-name=m route"}},
      {"STREAMED: the headers cannot wait",
       {post({{"x-gateway-model-name", "c"}}, kStreamed), body("{"), body("}", true)},
       {"headers -x-gateway-model-name route", "body", "body"}},
      {"STREAMED, sent early: one reply a message",
       {post({}, kStreamedEarly), body("{"), body(R"("model":"m")"), body("}", true)},
       {"headers +x-gateway-model-name=m route", "body", "body", "body"}},
      {"gRPC is passed on as it comes",
       {post({{"content-type", "application/grpc"}}), body("\1\2"), body("", true)},
       {"headers", "body '\1\2'", "body '' end"}},
  };
  for (const BbrCase& c : cases) {
    Bbr bbr;
    EXPECT_EQ(bbr.say_all(c.messages), c.replies) << c.name;
  }
}

// A client that names a model in the header and another in the body would be routed, and billed, as
// the one and served the other.
TEST(BbrStream, TheBodyOverrulesAClientsHeader) {
  Bbr bbr;
  EXPECT_THAT(bbr.say_all({post({{"x-gateway-model-name", "cheap"}}), body(kModel, true)}),
              ElementsAre("headers +x-gateway-model-name=m route", testing::_));
  Bbr silent;
  EXPECT_THAT(silent.say_all({post({{"X-Gateway-Model-Name", "cheap"}}), body("{}", true)}),
              ElementsAre("headers -x-gateway-model-name route", "body '{}' end"));
  EXPECT_EQ(silent.not_found["model"], 1);
}

// Who could send these would choose the host: server-side request forgery.
TEST(BbrStream, HeadersOfGatewaysAreTakenFromClients) {
  Bbr bbr;
  EXPECT_THAT(bbr.say(headers({{":method", "GET"},
                               {"x-gateway-destination-endpoint", "10.0.0.1:22"},
                               {"x-prefiller-host-port", "10.0.0.1:22"},
                               {"x-llm-d-inference-objective", "kept"}},
                              true)),
              ElementsAre("headers -x-gateway-destination-endpoint -x-prefiller-host-port route"));
}

// Servers do not agree which of two values counts; nothing has reached one in full yet.
TEST(BbrStream, AFieldGivenTwiceIsRefusedEvenAfterTheHeadersWentOut) {
  Bbr bbr;
  EXPECT_THAT(bbr.say_all({post(), body(R"({"model":"a",)")}), testing::SizeIs(2));
  EXPECT_THAT(bbr.say(body(R"("model":"b"})", true)),
              ElementsAre(testing::StartsWith("400 'inference error: BadRequest - "), "close"));
  Bbr same;
  EXPECT_THAT(same.say_all({post(), body(R"({"model":"a",)"), body(R"("model":"a"})", true)}),
              testing::SizeIs(3));
}

TEST(BbrStream, WhatIsNoObjectIs400) {
  for (const char* text : {"", "no", "[1]", "{\"model\":", "{\"model\":\"m\"}x", "\"m\"",
                           "{\"model\":\"a\\r\\nx-evil: 1\"}", R"({"model":"a","model":"b"})"}) {
    Bbr bbr;
    EXPECT_THAT(bbr.say_all({post(), body(text, true)}),
                ElementsAre(testing::StartsWith("400 'inference error: BadRequest - "), "close"))
        << text;
  }
}

TEST(BbrStream, LimitsAreKept) {
  Bbr bbr({.body_bytes_max = 30});
  EXPECT_THAT(bbr.say_all({post(), body(kModel), body("0123456789")}),
              ElementsAre(testing::_, testing::_, testing::StartsWith("413 "), "close"));
  EXPECT_THAT(bbr.say(body("more", true)), IsEmpty());

  Bbr large({.header_bytes_max = 100});
  EXPECT_THAT(large.say(post({{"x", std::string(100, 'x')}})),
              ElementsAre(testing::StartsWith("431 "), "close"));

  Bbr name;
  EXPECT_THAT(name.say_all({post(), body("{\"model\":\"" + std::string(9000, 'm') + "\"}", true)}),
              ElementsAre(testing::StartsWith("400 "), "close"));
}

// A proxy waits for ever in this mode; a client that stops sending must not hold a stream.
TEST(BbrStream, ABodyThatDoesNotArriveIs408) {
  using std::chrono::seconds;
  Bbr bbr({.body_timeout = seconds(60)});
  EXPECT_EQ(bbr.stream.deadline(), std::nullopt);
  bbr.say(post());
  EXPECT_EQ(bbr.stream.deadline(), kStart + seconds(60));
  EXPECT_THAT(bbr.stream.on_deadline(kStart + seconds(59)).replies, IsEmpty());
  const Actions late = bbr.stream.on_deadline(kStart + seconds(60));
  ASSERT_EQ(late.replies.size(), 1U);
  EXPECT_EQ(late.replies[0].status, 408);

  Bbr passing({.body_timeout = seconds(60)});
  passing.say_all({post(), body(R"({"model":"m",)")});
  EXPECT_EQ(passing.stream.deadline(), std::nullopt) << "the proxy has the bytes; it minds them";
}

TEST(BbrStream, ResponsesPassOneToOne) {
  Bbr bbr;
  bbr.say_all({post(), body(kModel, true)});
  EXPECT_THAT(bbr.say_all({response("200"), response_body("data: 1\n\n"), response_body("", true),
                           response_body("", true)}),
              ElementsAre("r-headers", "r-body 'data: 1\n\n'", "r-body '' end"));
  Bbr with_trailers;
  with_trailers.say_all({post(), body(kModel, true)});
  EXPECT_THAT(with_trailers.say_all({response("200"), response_body("x"), response_trailers()}),
              ElementsAre("r-headers", "r-body 'x'", "r-trailers"));
}

TEST(BbrStream, AdaptersNameTheirBaseModel) {
  BbrConfig config;
  config.rules.push_back(*parse_plugin("base-model-to-header:base"));
  const AdapterMap map = *parse_adapter_map("[{baseModel: b, adapters: [m]}]");
  Bbr known(config, map);
  EXPECT_THAT(known.say_all({post(), body(kModel, true)}),
              ElementsAre("headers +x-gateway-model-name=m +x-gateway-base-model-name=b route",
                          testing::_));
  Bbr unknown(config, map);
  EXPECT_THAT(
      unknown.say_all({post(), body(R"({"model":"z"})", true)}),
      ElementsAre("headers +x-gateway-model-name=z +x-gateway-base-model-name= route", testing::_));
}

TEST(BbrStream, AFormsModelCounts) {
  Bbr bbr;
  const std::string form =
      "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n"
      "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n\1\2\r\n"
      "--b--\r\n";
  EXPECT_THAT(
      bbr.say_all({headers({{":method", "POST"},
                            {":path", "/v1/audio/transcriptions"},
                            {"content-type", "multipart/form-data; boundary=b"}}),
                   body(form.substr(0, 60)), body(form.substr(60), true)}),
      ElementsAre("headers +x-gateway-model-name=whisper route", "body '" + form + "' end"));
}

// A peer that does not keep the protocol gets an error, not a crash.
TEST(BbrStream, ABrokenOrderEndsTheStream) {
  for (const std::vector<Message>& messages : {std::vector<Message>{body("x")},
                                               {trailers()},
                                               {post(), post()},
                                               {{.kind = Kind::kImmediate}}}) {
    Bbr bbr;
    EXPECT_THAT(bbr.say_all(messages), testing::Contains("close"));
  }
}

// The proxy has answered the client itself while we still waited for the body.
TEST(BbrStream, ALocalReplyEndsTheWait) {
  Bbr bbr;
  EXPECT_THAT(bbr.say_all({post(), body("{"), response("408"), response_body("late", true),
                           body("}", true)}),
              ElementsAre("r-headers", "r-body 'late' end"));
  EXPECT_EQ(bbr.stream.deadline(), std::nullopt);
}

// Some proxies refuse gRPC messages of 64 KiB and more.
TEST(BbrStream, PiecesStaySmall) {
  Bbr bbr;
  const std::string large = R"({"model":"m","p":")" + std::string(200'000, 'a') + "\"}";
  const Actions actions = [&] {
    bbr.say(post());
    return bbr.stream.on_message(body(large, true), kStart);
  }();
  std::string together;
  for (std::size_t i = 1; i < actions.replies.size(); ++i) {
    EXPECT_LE(actions.replies[i].body.size(), kChunkBytesMax);
    EXPECT_EQ(actions.replies[i].end_of_stream, i + 1 == actions.replies.size());
    together += actions.replies[i].body;
  }
  EXPECT_EQ(together, large);
}

}  // namespace
}  // namespace rage::extproc
