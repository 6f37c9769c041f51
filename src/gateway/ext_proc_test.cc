// Pickers in other processes: what their answers amount to, and a real gRPC server that answers as
// pickers in the wild do.
#include "envoyapi/grpc_for_test.h"

#include <future>

#include "gateway/detail/ext_proc_conversation.h"
#include "gateway/ext_proc_picker.h"
#include "gateway/gateway_fixture.h"

namespace rage::gateway {
namespace {

using namespace std::chrono_literals;
using detail::ExtProcConversation;
using envoyapi::ext_proc::ProcessingRequest;
using envoyapi::ext_proc::ProcessingResponse;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

void set_header(envoyapi::ext_proc::HeaderMutation& mutation, const std::string& key,
                const std::string& value) {
  auto& header = *mutation.add_set_headers()->mutable_header();
  header.set_key(key);
  header.set_raw_value(value);
}

ProcessingResponse headers(const std::string& destination) {
  ProcessingResponse response;
  auto& mutation =
      *response.mutable_request_headers()->mutable_response()->mutable_header_mutation();
  set_header(mutation, "X-Gateway-Destination-Endpoint", destination);
  return response;
}

ProcessingResponse acknowledged() {
  ProcessingResponse response;
  response.mutable_request_body()->mutable_response();
  return response;
}

ProcessingResponse piece(const std::string& body, bool end) {
  ProcessingResponse response;
  auto& streamed = *response.mutable_request_body()
                        ->mutable_response()
                        ->mutable_body_mutation()
                        ->mutable_streamed_response();
  streamed.set_body(body);
  streamed.set_end_of_stream(end);
  return response;
}

std::optional<picker::PickOutcome> run(ExtProcConversation& conversation,
                                       const std::vector<ProcessingResponse>& responses) {
  std::optional<picker::PickOutcome> outcome;
  for (const ProcessingResponse& response : responses) {
    auto told = conversation.on_response(response);
    EXPECT_FALSE(told && outcome);  // At most one outcome.
    if (told) outcome = std::move(told);
  }
  return outcome;
}

// Pickers answer in different orders, and a proxy that knows only one of them loses bodies or
// waits for ever.
TEST(ExtProcConversation, UnderstandsEveryOrderOfAnswers) {
  struct Case {
    const char* what;
    std::vector<ProcessingResponse> responses;
    std::optional<std::string> body;
  };
  for (const Case& c : std::vector<Case>{
           {"acknowledgements before late headers",
            {acknowledged(), acknowledged(), headers("10.0.0.1:80")},
            std::nullopt},
           {"headers, then acknowledgements",
            {headers("10.0.0.1:80"), acknowledged()},
            std::nullopt},
           {"headers, then a changed body",
            {headers("10.0.0.1:80"), piece("new ", false), piece("body", true)},
            "new body"},
           {"an empty end", {headers("10.0.0.1:80"), piece("all", false), piece("", true)}, "all"},
           {"a second end is ignored",
            {headers("10.0.0.1:80"), piece("all", true), piece("again", true)},
            "all"}}) {
    ExtProcConversation conversation(ExtProcConversation::Body::kSent);
    const auto outcome = run(conversation, c.responses);
    ASSERT_TRUE(outcome && outcome->pick) << c.what;
    EXPECT_THAT(outcome->pick->destinations, ElementsAre("10.0.0.1:80")) << c.what;
    EXPECT_EQ(outcome->pick->body, c.body) << c.what;
  }
}

TEST(ExtProcConversation, WaitsForAllOfAChangedBody) {
  ExtProcConversation conversation(ExtProcConversation::Body::kSent);
  EXPECT_FALSE(run(conversation, {headers("10.0.0.1:80"), piece("half", false)}));
  const auto outcome = conversation.on_end("");
  EXPECT_TRUE(outcome->refusal);  // Half a body is no body.
}

TEST(ExtProcConversation, AnEndWithoutTheBodyLeavesItAsItWas) {
  ExtProcConversation conversation(ExtProcConversation::Body::kSent);
  EXPECT_FALSE(run(conversation, {headers("10.0.0.1:80")}));
  EXPECT_TRUE(conversation.on_end("")->pick);
}

TEST(ExtProcConversation, AFailureIsAPickerThatIsNotThere) {
  for (const std::string error : {"", "no such pool"}) {
    ExtProcConversation conversation(ExtProcConversation::Body::kSent);
    const auto outcome = conversation.on_end(error);
    ASSERT_TRUE(outcome && outcome->refusal);
    EXPECT_EQ(outcome->refusal->code_name, "PickerUnavailable");
  }
  ExtProcConversation nowhere(ExtProcConversation::Body::kNone);
  EXPECT_EQ(run(nowhere, {headers("")})->refusal->code_name, "PickerUnavailable");
}

TEST(ExtProcConversation, ReadsMetadataListsAndRefusals) {
  ProcessingResponse response = headers("10.0.0.9:80");
  auto& fields = *response.mutable_dynamic_metadata()->mutable_fields();
  (*fields["envoy.lb"].mutable_struct_value()->mutable_fields())["x-gateway-destination-endpoint"]
      .set_string_value("10.0.0.1:80, [::1]:81");
  ExtProcConversation conversation(ExtProcConversation::Body::kNone);
  EXPECT_THAT(run(conversation, {response})->pick->destinations,
              ElementsAre("10.0.0.1:80", "[::1]:81"));

  ProcessingResponse refusal;
  auto& immediate = *refusal.mutable_immediate_response();
  immediate.mutable_status()->set_code(429);
  immediate.set_body("inference error: ResourceExhausted - full");
  set_header(*immediate.mutable_headers(), "retry-after", "7");
  set_header(*immediate.mutable_headers(), "x-llm-d-request-dropped-reason", "rejected-saturated");
  ExtProcConversation other(ExtProcConversation::Body::kSent);
  const auto refused = run(other, {refusal})->refusal;
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->text(), "inference error: ResourceExhausted - full");
  EXPECT_EQ(refused->retry_after, 7s);
  EXPECT_EQ(refused->dropped_reason, "rejected-saturated");
}

// A picker may say much, but not how our messages are framed.
TEST(ExtProcConversation, TakesNoFramingOrPseudoHeaders) {
  ProcessingResponse response = headers("10.0.0.1:80");
  auto& mutation =
      *response.mutable_request_headers()->mutable_response()->mutable_header_mutation();
  set_header(mutation, ":path", "/admin");
  set_header(mutation, "Content-Length", "3");
  set_header(mutation, "x-bad", "a\r\nb: c");
  set_header(mutation, "x-good", "1");
  ExtProcConversation conversation(ExtProcConversation::Body::kNone);
  EXPECT_THAT(
      run(conversation, {response})->pick->request_headers,
      ElementsAre(Pair("x-gateway-destination-endpoint", "10.0.0.1:80"), Pair("x-good", "1")));
}

TEST(RenderPickRequest, CutsBodiesIntoPieces) {
  picker::PickRequest request{.method = "POST", .path = "/v1/completions"};
  request.body = std::make_shared<const std::string>(150'000, 'x');
  request.subset = {{"10.0.0.1:80"}};
  const auto messages = detail::render_pick_request(request);
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_FALSE(messages[0].request_headers().end_of_stream());
  EXPECT_EQ(messages[0].protocol_config().request_body_mode(),
            envoyapi::ext_proc::ProcessingMode::FULL_DUPLEX_STREAMED);
  std::string body;
  for (std::size_t i = 1; i < messages.size(); ++i) {
    EXPECT_LE(messages[i].request_body().body().size(), 62'000U);
    EXPECT_EQ(messages[i].request_body().end_of_stream(), i == 3);
    body += messages[i].request_body().body();
  }
  EXPECT_EQ(body, *request.body);
  request.body = nullptr;
  EXPECT_TRUE(detail::render_pick_request(request)[0].request_headers().end_of_stream());
}

// A picker as a real server; `answer` gets each message and the stream.
class PickerServer final : public envoyapi::ext_proc::ExternalProcessor::Service {
 public:
  using Stream = grpc::ServerReaderWriter<ProcessingResponse, ProcessingRequest>;
  using Serve = std::function<grpc::Status(Stream&)>;
  explicit PickerServer(Serve serve) : serve_(std::move(serve)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~PickerServer() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }
  grpc::Status Process(grpc::ServerContext*, Stream* stream) override { return serve_(*stream); }

 private:
  const Serve serve_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

void skip_if_grpc_looks_like_races() {
#ifdef RAGE_TSAN
  GTEST_SKIP() << "gRPC is not instrumented";
#endif
}

class ExtProcPicker : public testing::Test {
  void SetUp() override { skip_if_grpc_looks_like_races(); }
};

class ExtProc : public GatewayFixture {
  void SetUp() override { skip_if_grpc_looks_like_races(); }

 protected:
  void serve_with(const PickerServer& server, bool fail_open = false,
                  std::vector<net::Address> endpoints = {}) {
    route("/", to_pool("pool"));
    pool("pool", {.picker = make_ext_proc_picker({.endpoints = {server.endpoint()},
                                                  .transport = ExtProcOptions::Transport::kPlain}),
                  .fail_open = fail_open,
                  .endpoints = std::move(endpoints)});
    start();
  }
};

// As the conformance suite's picker behaves: acknowledges each piece, answers the headers after the
// whole body, and stamps the reply with the endpoint that served it.
PickerServer::Serve late_headers(std::string destination) {
  return [destination](PickerServer::Stream& stream) {
    ProcessingRequest request;
    while (stream.Read(&request)) {
      if (request.has_request_headers() && request.request_headers().end_of_stream()) {
        stream.Write(headers(destination));
      }
      if (request.has_request_body()) {
        stream.Write(acknowledged());
        if (request.request_body().end_of_stream()) stream.Write(headers(destination));
      }
      if (request.has_response_headers()) {
        const auto& metadata = request.metadata_context().filter_metadata().at("envoy.lb");
        ProcessingResponse response;
        set_header(
            *response.mutable_response_headers()->mutable_response()->mutable_header_mutation(),
            "x-conformance-test-served-endpoint",
            metadata.fields().at("x-gateway-destination-endpoint-served").string_value());
        stream.Write(response);
      }
    }
    return grpc::Status::OK;
  };
}

TEST_F(ExtProc, ServesBehindAPickerThatAnswersLate) {
  TestUpstream upstream(echoing());
  PickerServer server(late_headers(upstream.text()));
  serve_with(server);
  const std::string body(200'000, 'x');
  EXPECT_THAT(ask(post("/v1/completions", body)),
              AllOf(StartsWith("HTTP/1.1 200 "), EndsWith(body),
                    HasSubstr("x-conformance-test-served-endpoint: " + upstream.text())));
  EXPECT_THAT(ask(kGet), AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("served-endpoint: 127")));
}

TEST_F(ExtProc, TakesTheBodyAPickerHasChanged) {
  TestUpstream upstream(echoing());
  PickerServer server([&](PickerServer::Stream& stream) {
    ProcessingRequest request;
    while (stream.Read(&request)) {
      if (!request.has_request_body() || !request.request_body().end_of_stream()) continue;
      stream.Write(headers(upstream.text()));
      stream.Write(piece("changed", true));
    }
    return grpc::Status::OK;
  });
  serve_with(server);
  EXPECT_THAT(ask(post("/v1/completions", "original")),
              AllOf(HasSubstr("content-length: 7\r\n"), EndsWith("\r\n\r\nchanged")));
}

// Envoy would send on an empty body here.
TEST_F(ExtProc, APickerThatEndsEarlyLosesNoBody) {
  TestUpstream upstream(echoing());
  PickerServer server([&](PickerServer::Stream& stream) {
    ProcessingRequest request;
    stream.Read(&request);
    stream.Write(headers(upstream.text()));
    return grpc::Status::OK;
  });
  serve_with(server);
  EXPECT_THAT(ask(post("/v1/completions", "body")),
              AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("\r\n\r\nbody")));
}

TEST_F(ExtProc, AFailingPickerFailsClosedOrOpen) {
  TestUpstream upstream(echoing());
  PickerServer server([](PickerServer::Stream&) {
    return grpc::Status(grpc::StatusCode::INTERNAL, "no candidate");
  });
  serve_with(server);
  EXPECT_THAT(ask(post("/v1/completions", "body")),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("no candidate")));
  snapshot_.pools.begin()->second.fail_open = true;
  snapshot_.pools.begin()->second.endpoints = {upstream.address()};
  ASSERT_TRUE(gateway_->apply(make_snapshot()));
  EXPECT_THAT(ask(post("/v1/completions", "body")),
              AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("\r\n\r\nbody")));
}

TEST_F(ExtProc, APickerThatIsGoneFailsOpenWithTheBody) {
  TestUpstream upstream(echoing());
  auto server = std::make_unique<PickerServer>(late_headers(upstream.text()));
  serve_with(*server, true, {upstream.address()});
  server.reset();
  EXPECT_THAT(ask(post("/v1/completions", "body")),
              AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("\r\n\r\nbody")));
  EXPECT_EQ(metrics_.picks_failed_open.value(), 1);
}

// The gateway crashed when the picker's pods changed while a call was running: gRPC lets go of a
// call on its own thread, the call had the last share of the channel, and the last channel waits
// for that thread.
TEST_F(ExtProcPicker, MayBeReplacedWhileItIsAsked) {
  PickerServer server([](PickerServer::Stream& stream) {
    ProcessingRequest request;
    while (stream.Read(&request)) {
    }
    return grpc::Status::OK;
  });
  for (int i = 0; i < 10; ++i) {
    auto picker = make_ext_proc_picker(
        {.endpoints = {server.endpoint()}, .transport = ExtProcOptions::Transport::kPlain});
    std::atomic<int> told = 0;
    const auto ticket = picker->pick({.method = "GET", .path = "/"}, [&](const auto& outcome) {
      EXPECT_TRUE(outcome.refusal);
      ++told;
    });
    picker.reset();
    EXPECT_EQ(told, 1) << "whoever waits is answered before the picker is gone";
  }
}

// Nor when a call that has given its pick goes on to hear of the reply.
TEST_F(ExtProcPicker, MayBeReplacedWhileAnExchangeGoesOn) {
  PickerServer server(late_headers("10.0.0.1:80"));
  auto picker = make_ext_proc_picker(
      {.endpoints = {server.endpoint()}, .transport = ExtProcOptions::Transport::kPlain});
  std::promise<picker::PickOutcome> promise;
  const auto ticket =
      picker->pick({.method = "GET", .path = "/"},
                   [&](picker::PickOutcome outcome) { promise.set_value(std::move(outcome)); });
  const picker::PickOutcome outcome = promise.get_future().get();
  ASSERT_TRUE(outcome.pick);
  picker.reset();
  auto& exchange = dynamic_cast<RemoteExchange&>(*outcome.pick->exchange);
  bool answered = false;
  exchange.ask_response_headers(
      {.status = 200}, [&](const RemoteExchange::Headers& headers) { answered = headers.empty(); });
  EXPECT_TRUE(answered) << "nobody is left to ask";
  exchange.finish(picker::Completion::kNormal);
}

TEST_F(ExtProc, ASilentPickerIsGivenUpAndAClientThatLeavesCancels) {
  TestUpstream upstream(echoing());
  std::atomic<int> cancelled = 0;
  PickerServer server([&](PickerServer::Stream& stream) {
    ProcessingRequest request;
    while (stream.Read(&request)) {
    }
    ++cancelled;
    return grpc::Status::OK;
  });
  options_.pick_timeout = 50ms;
  serve_with(server, true, {upstream.address()});
  EXPECT_THAT(ask(post("/v1/completions", "body")), StartsWith("HTTP/1.1 200 "));
  while (cancelled < 1) std::this_thread::yield();
}

}  // namespace
}  // namespace rage::gateway
