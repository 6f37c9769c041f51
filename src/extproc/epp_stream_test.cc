#include "extproc/epp_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "extproc/messages_for_test.h"

namespace rage::extproc {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

struct Epp {
  explicit Epp(EppConfig with = {}) : config(with), stream(config) {}

  std::vector<std::string> lines_of(const Actions& actions) {
    std::vector<std::string> lines;
    for (const Reply& reply : actions.replies) lines.push_back(describe(reply));
    if (actions.pick) {
      asked = *actions.pick;
      lines.push_back(asked.body ? "pick '" + *asked.body + "'" : "pick");
    }
    if (actions.drop_pick) lines.emplace_back("drop");
    if (actions.close) lines.emplace_back("close");
    if (!actions.violation.empty()) lines.push_back(actions.violation);
    return lines;
  }
  std::vector<std::string> say(Message message) {
    return lines_of(stream.on_message(std::move(message), kStart));
  }
  std::vector<std::string> say_all(std::vector<Message> messages) {
    std::vector<std::string> lines;
    for (Message& message : messages) {
      for (std::string& line : say(std::move(message))) lines.push_back(std::move(line));
    }
    return lines;
  }
  std::vector<std::string> pick(std::optional<std::string> other_body = {}, Fields set = {}) {
    picker::Pick pick{.destinations = {"10.0.0.1:8000", "[::1]:8000"},
                      .scores = {0.5, 0.25},
                      .request_headers = std::move(set),
                      .body = std::move(other_body),
                      .exchange = std::make_shared<FakeExchange>(log)};
    return lines_of(stream.on_pick({.pick = std::move(pick)}, kStart));
  }
  std::vector<std::string> refuse(picker::Refusal refusal) {
    return lines_of(stream.on_pick({.refusal = std::move(refusal)}, kStart));
  }

  EppConfig config;
  EppStream stream;
  picker::PickRequest asked;
  std::shared_ptr<ExchangeLog> log = std::make_shared<ExchangeLog>();
};

const std::string kTo =
    " +x-gateway-destination-endpoint=10.0.0.1:8000,[::1]:8000 route to 10.0.0.1:8000,[::1]:8000";

struct EppCase {
  const char* name;
  std::vector<Message> before;
  std::vector<std::string> asked;    // What is said until the pick.
  std::optional<std::string> other;  // The pick's body.
  std::vector<std::string> picked;
  std::vector<Message> after = {};
  std::vector<std::string> rest = {};
};

TEST(EppStream, EveryBodyModeGetsTheReplyItWants) {
  const std::vector<EppCase> cases = {
      {.name = "the usual request, ended by an empty message",
       .before = {post(), body("a"), body("b"), body("", true)},
       .asked = {"pick 'ab'"},
       .picked = {"headers" + kTo, "body 'ab' end"},
       .after = {body("", true), body("x")}},
      {.name = "another body",
       .before = {post({{"content-length", "2"}}), body("ab", true)},
       .asked = {"pick 'ab'"},
       .other = "other",
       .picked = {"headers +x-gateway-destination-endpoint=10.0.0.1:8000,[::1]:8000 "
                  "+content-length=5 route to 10.0.0.1:8000,[::1]:8000",
                  "body 'other' end"}},
      {.name = "an empty body has an end, too",
       .before = {post(), body("", true)},
       .asked = {"pick ''"},
       .picked = {"headers" + kTo, "body '' end"}},
      {.name = "trailers end the body (rule 8)",
       .before = {post(), body("ab"), trailers()},
       .asked = {"pick 'ab'"},
       .picked = {"headers" + kTo, "body 'ab'", "trailers"}},
      {.name = "no body",
       .before = {headers({{":method", "GET"}}, true)},
       .asked = {"pick"},
       .picked = {"headers" + kTo}},
      {.name = "NONE: by its headers",
       .before = {post({}, kNoBody)},
       .asked = {"pick"},
       .picked = {"headers" + kTo}},
      {.name = "BUFFERED: changes go with the body",
       .before = {post({}, kBuffered), body("ab", true)},
       .asked = {"headers", "pick 'ab'"},
       .other = "other",
       .picked = {"body = 'other' +x-gateway-destination-endpoint=10.0.0.1:8000,[::1]:8000 "
                  "+content-length=5 route to 10.0.0.1:8000,[::1]:8000"}},
      {.name = "BUFFERED with trailers",
       .before = {post({}, kBuffered), body("ab")},
       .asked = {"headers", "pick 'ab'"},
       .picked = {"body" + kTo},
       .after = {trailers()},
       .rest = {"trailers"}},
      {.name = "BUFFERED_PARTIAL, cut off: not parsed, not replaced",
       .before = {post({}, kPartial), body("ab")},
       .asked = {"headers", "pick"},
       .other = "other",
       .picked = {"body" + kTo}},
      {.name = "STREAMED: the headers cannot wait for the body",
       .before = {post({}, kStreamed)},
       .asked = {"pick"},
       .picked = {"headers" + kTo},
       .after = {body("a"), body("b", true)},
       .rest = {"body", "body"}},
      {.name = "STREAMED, sent early: one reply a message",
       .before = {post({}, kStreamedEarly), body("a"), body("b", true)},
       .asked = {"pick 'ab'"},
       .picked = {"headers" + kTo, "body", "body"}},
      {.name = "STREAMED, sent early, another body",
       .before = {post({}, kStreamedEarly), body("a"), body("b", true)},
       .asked = {"pick 'ab'"},
       .other = "other",
       .picked = {"headers" + kTo, "body = ''", "body = 'other'"}},
  };
  for (const EppCase& c : cases) {
    Epp epp;
    EXPECT_EQ(epp.say_all(c.before), c.asked) << c.name;
    EXPECT_EQ(epp.pick(c.other), c.picked) << c.name;
    EXPECT_EQ(epp.say_all(c.after), c.rest) << c.name;
  }
}

struct RefusalCase {
  picker::Refusal refusal;
  std::string reply;
};

// Clients and autoscalers act on status, reason and retry-after.
TEST(EppStream, RefusalsReachTheClient) {
  const std::vector<RefusalCase> cases = {
      {{.status = 400, .code_name = "BadRequest", .message = "model not found in request body"},
       "400 'inference error: BadRequest - model not found in request body'"},
      {{.status = 429,
        .code_name = "ResourceExhausted",
        .message = "m",
        .dropped_reason = "rejected-saturated",
        .retry_after = seconds(3)},
       "429 'inference error: ResourceExhausted - m' "
       "+x-llm-d-request-dropped-reason=rejected-saturated +retry-after=3"},
      {{.status = 412, .code_name = "PreconditionFailed", .message = "m"},
       "412 'inference error: PreconditionFailed - m'"},
      {{.status = 503,
        .code_name = "Unavailable",
        .message = "m",
        .dropped_reason = "rejected-context-cancelled"},
       "503 'inference error: Unavailable - m' "
       "+x-llm-d-request-dropped-reason=rejected-context-cancelled"},
  };
  for (const RefusalCase& c : cases) {
    Epp epp;
    epp.say_all({post(), body("x", true)});
    EXPECT_THAT(epp.refuse(c.refusal), ElementsAre(c.reply, "close"));
    EXPECT_THAT(epp.say_all({body("y", true), response("200")}), IsEmpty());
  }
}

TEST(EppStream, APickWithoutDestinationIs503) {
  Epp epp;
  epp.say(headers({{":method", "GET"}}, true));
  const Actions actions = epp.stream.on_pick({.pick = picker::Pick{}}, kStart);
  EXPECT_EQ(describe(actions.replies.at(0)),
            "503 'inference error: ServiceUnavailable - no endpoint was picked' "
            "+x-llm-d-request-dropped-reason=rejected-no-endpoints");
}

// Server-side request forgery: the header chooses the host for a cluster of type ORIGINAL_DST.
TEST(EppStream, ASmuggledDestinationIsOverwrittenAndUnseen) {
  Epp epp;
  epp.say_all({post({{"x-gateway-destination-endpoint", "10.9.9.9:22"},
                     {"x-gateway-destination-endpoint-subset", "10.9.9.9:22"},
                     {"x-prefiller-host-port", "10.9.9.9:22"}}),
               body("x", true)});
  EXPECT_THAT(epp.asked.headers.entries(), IsEmpty());
  EXPECT_THAT(
      epp.pick({}, {{"X-Prefiller-Host-Port", "10.0.0.2:8000"}, {"bad name", "x"}, {"x", "\r\n"}}),
      ElementsAre("headers +x-gateway-destination-endpoint=10.0.0.1:8000,[::1]:8000 "
                  "+x-prefiller-host-port=10.0.0.2:8000 "
                  "-x-gateway-destination-endpoint-subset route to 10.0.0.1:8000,[::1]:8000",
                  "body 'x' end"));
}

TEST(EppStream, ThePickerIsToldWhatTheProxyKnows) {
  Epp epp;
  Message message = post({{"x-llm-d-inference-objective", "gold"}});
  message.subset = {"10.0.0.1:8000"};
  epp.say_all({message, body("x", true)});
  EXPECT_EQ(epp.asked.method, "POST");
  EXPECT_EQ(epp.asked.path, "/v1/completions");
  EXPECT_EQ(epp.asked.headers.find("x-llm-d-inference-objective"), "gold");
  EXPECT_EQ(epp.asked.subset, std::vector<std::string>{"10.0.0.1:8000"});
  Epp heedless({.ignore_subset = true});
  heedless.say_all({message, body("x", true)});
  EXPECT_EQ(heedless.asked.subset, std::nullopt);
}

TEST(EppStream, ScoresAreToldOnRequest) {
  Epp epp({.emit_scores = true});
  epp.say(headers({{":method", "GET"}}, true));
  EXPECT_THAT(epp.pick(), ElementsAre("headers" + kTo + " 10.0.0.1:8000:0.5 [::1]:8000:0.25"));
}

TEST(EppStream, TheResponseStreamsThroughAndIsFollowed) {
  Epp epp;
  epp.say_all({post(), body("x", true)});
  epp.pick();
  Message head = response("200");
  head.served = "10.0.0.1:8000";
  EXPECT_THAT(epp.say_all({head, response_body("1A"), response_body("", false),
                           response_body("2", true), response_body("3", true)}),
              ElementsAre("r-headers +x-went-into-resp-headers=true +x-session-token=s",
                          "r-body '1bb'", "r-body '2' end"));
  EXPECT_THAT(epp.log->events, ElementsAre("head 200 10.0.0.1:8000", "body '1A'", "body ''",
                                           "body '2' end", "normal"));
}

TEST(EppStream, EveryResponseModeGetsTheReplyItWants) {
  struct Response {
    const char* name;
    Protocol protocol;
    std::vector<Message> messages;
    std::vector<std::string> replies;
  };
  const std::vector<Response> cases = {
      {"full duplex, trailers",
       {},
       {response_body("A"), response_trailers()},
       {"r-body 'bb'", "r-trailers"}},
      {"streamed: unchanged pieces are not sent back",
       kStreamed,
       {response_body("x"), response_body("A"), response_body("", true)},
       {"r-body", "r-body = 'bb'", "r-body"}},
      {"buffered, unchanged", kBuffered, {response_body("x", true)}, {"r-body"}},
      {"buffered: the length is ours to say",
       kBuffered,
       {response_body("xA", true)},
       {"r-body = 'xbb' +content-length=3"}},
      {"buffered with trailers: the body is whole already",
       kBuffered,
       {response_body("A"), response_trailers()},
       {"r-body = 'bb' +content-length=2", "r-trailers"}},
  };
  for (const Response& c : cases) {
    Epp epp;
    epp.say(headers({{":method", "GET"}}, true, c.protocol));
    epp.pick();
    epp.say(response("200"));
    EXPECT_EQ(epp.say_all(c.messages), c.replies) << c.name;
    EXPECT_EQ(epp.log->events.back(), "normal") << c.name;
  }
}

TEST(EppStream, ResponsesThatNobodyReadsAreNotShown) {
  Epp epp;
  epp.log->wants_body = false;
  epp.say(headers({{":method", "GET"}}, true));
  epp.pick();
  EXPECT_THAT(epp.say_all({response("200"), response_body("A", true)}),
              ElementsAre(testing::_, "r-body 'A' end"));
  EXPECT_THAT(epp.log->events, ElementsAre("head 200 ", "normal"));
}

// A slot that is not given back makes an endpoint look busy for ever.
TEST(EppStream, AnExchangeEndsOnceHoweverItEnds) {
  struct End {
    const char* name;
    std::vector<Message> messages;
    const char* how;
  };
  for (const End& c : {End{"gone before the response", {}, "disconnect"},
                       End{"gone in it", {response("200"), response_body("x")}, "disconnect"},
                       End{"complete", {response("200"), response_body("x", true)}, "normal"},
                       End{"no body", {response("204", true)}, "normal"}}) {
    Epp epp;
    epp.say(headers({{":method", "GET"}}, true));
    epp.pick();
    epp.say_all(c.messages);
    epp.stream.on_gone();
    epp.stream.on_gone();
    EXPECT_EQ(epp.log->events.back(), c.how) << c.name;
    EXPECT_EQ(std::ranges::count(epp.log->events, std::string(c.how)), 1) << c.name;
  }
  // The proxy does not show the body: what comes after the headers is its end.
  Epp unseen;
  unseen.say(headers({{":method", "GET"}}, true, kNoBody));
  unseen.pick();
  unseen.say(response("200"));
  unseen.stream.on_gone();
  EXPECT_EQ(unseen.log->events.back(), "normal");
}

// A pick that comes too late still has a slot to give back.
TEST(EppStream, APickForAClientThatHasGoneIsGivenBack) {
  Epp epp;
  epp.say_all({post(), body("x", true)});
  epp.stream.on_gone();
  EXPECT_THAT(epp.pick(), IsEmpty());
  EXPECT_THAT(epp.log->events, ElementsAre("disconnect"));
}

TEST(EppStream, AnEvictedRequestIsAnswered) {
  const picker::Refusal refusal{.status = 429,
                                .code_name = "TooManyRequests",
                                .message = "request evicted by flow control",
                                .dropped_reason = "evicted"};
  Epp epp;
  epp.say(headers({{":method", "GET"}}, true));
  epp.pick();
  EXPECT_THAT(epp.lines_of(epp.stream.on_eviction(refusal)),
              ElementsAre(StartsWith("429 'inference error: TooManyRequests"), "close"));
  EXPECT_THAT(epp.log->events, ElementsAre("evicted"));
  Epp over;
  over.say(headers({{":method", "GET"}}, true));
  over.pick();
  over.say(response("204", true));
  EXPECT_THAT(over.lines_of(over.stream.on_eviction(refusal)), IsEmpty());
}

// Proxies set no limit of their own in this mode: without ours a request could hang for ever.
TEST(EppStream, DeadlinesAreOurs) {
  Epp epp({.body_timeout = seconds(60), .pick_timeout = seconds(120)});
  epp.say(post());
  EXPECT_EQ(epp.stream.deadline(), kStart + seconds(60));
  EXPECT_THAT(epp.lines_of(epp.stream.on_deadline(kStart + seconds(60))),
              ElementsAre(StartsWith("408 "), "close"));

  Epp picking({.pick_timeout = seconds(120)});
  picking.say_all({post(), body("x", true)});
  EXPECT_EQ(picking.stream.deadline(), kStart + seconds(120));
  EXPECT_THAT(picking.lines_of(picking.stream.on_deadline(kStart + seconds(119))), IsEmpty());
  EXPECT_THAT(
      picking.lines_of(picking.stream.on_deadline(kStart + seconds(120))),
      ElementsAre(testing::HasSubstr("rejected-ttl-expired +retry-after=1"), "drop", "close"));

  Epp routed;
  routed.say_all({post(), body("x", true)});
  routed.pick();
  EXPECT_EQ(routed.stream.deadline(), std::nullopt) << "a long answer is no fault";
}

TEST(EppStream, LimitsAreKept) {
  Epp epp({.body_bytes_max = 3});
  EXPECT_THAT(epp.say_all({post(), body("ab"), body("cd"), body("", true)}),
              ElementsAre(StartsWith("413 "), "close"));
  Epp large({.header_bytes_max = 100});
  EXPECT_THAT(large.say(post({{"x", std::string(100, 'x')}})),
              ElementsAre(StartsWith("431 "), "close"));
}

TEST(EppStream, ALocalReplyDropsThePick) {
  Epp epp;
  epp.say_all({post(), body("x", true)});
  EXPECT_THAT(epp.say(response("503")),
              ElementsAre("r-headers +x-went-into-resp-headers=true", "drop"));
  EXPECT_THAT(epp.pick(), IsEmpty());
}

TEST(EppStream, ABrokenOrderEndsTheStream) {
  for (const std::vector<Message>& messages : {std::vector<Message>{body("x")},
                                               {trailers()},
                                               {post(), post()},
                                               {{.kind = Kind::kImmediate}}}) {
    Epp epp;
    EXPECT_THAT(epp.say_all(messages), testing::Contains("close"));
  }
}

}  // namespace
}  // namespace rage::extproc
