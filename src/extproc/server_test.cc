// The gRPC server with gRPC clients on loopback. Not under ThreadSanitizer: the system's gRPC is
// not instrumented, and what it synchronises looks like races.
#include "extproc/server.h"

#include "envoyapi/grpc_for_test.h"

#include <gmock/gmock.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/files.h"
#include "base/mutex.h"
#include "extproc/epp_stream.h"
#include "extproc/messages_for_test.h"
#include "extproc/static_picker.h"
#include "net/self_signed.h"

namespace rage::extproc {
namespace {

namespace pb = envoyapi::ext_proc;
namespace health = envoyapi::health;
using namespace std::chrono_literals;

// Keeps what it is asked until a test answers; counts cancelled tickets.
class WaitingPicker final : public picker::EndpointPicker {
 public:
  std::unique_ptr<picker::PickTicket> pick(picker::PickRequest,
                                           std::function<void(picker::PickOutcome)> done) override {
    MutexLock lock(mutex_);
    done_ = std::move(done);
    changed_.notify_all();
    return std::make_unique<Ticket>(*this);
  }
  bool ready() const override { return true; }
  void begin_drain() override {}

  void answer(picker::PickOutcome outcome) {
    std::function<void(picker::PickOutcome)> done;
    {
      MutexLock lock(mutex_);
      while (!done_) changed_.wait(mutex_);
      done = std::exchange(done_, nullptr);
    }
    done(std::move(outcome));
  }
  void wait_asked() {
    MutexLock lock(mutex_);
    while (!done_) changed_.wait(mutex_);
  }
  void wait_dropped() {
    MutexLock lock(mutex_);
    while (dropped_ == 0) changed_.wait(mutex_);
  }

 private:
  class Ticket final : public picker::PickTicket {
   public:
    explicit Ticket(WaitingPicker& picker) : picker_(picker) {}
    ~Ticket() override { Ticket::cancel(); }
    void cancel() override {
      MutexLock lock(picker_.mutex_);
      picker_.dropped_ += picker_.done_ ? 1 : 0;
      picker_.done_ = nullptr;
      picker_.changed_.notify_all();
    }

   private:
    WaitingPicker& picker_;
  };

  Mutex mutex_;
  CondVar changed_;
  std::function<void(picker::PickOutcome)> done_ GUARDED_BY(mutex_);
  int dropped_ GUARDED_BY(mutex_) = 0;
};

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef RAGE_TSAN
    GTEST_SKIP() << "gRPC is not instrumented";
#endif
  }

  void serve(picker::EndpointPicker& picker, ServerOptions options = {.tls = Tls::kOff}) {
    ServerParts parts{.make_machine = [this] { return std::make_unique<EppStream>(config_); },
                      .picker = &picker,
                      .ready = [this] { return ready_.load(); },
                      .metrics = &metrics_};
    auto server = Server::create(options, std::move(parts), clock_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                   grpc::InsecureChannelCredentials());
  }

  std::unique_ptr<grpc::ClientReaderWriter<pb::ProcessingRequest, pb::ProcessingResponse>> call(
      grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() + 20s);
    return pb::ExternalProcessor::NewStub(channel_)->Process(&context);
  }

  static pb::ProcessingRequest head(bool end) {
    pb::ProcessingRequest request;
    request.mutable_request_headers()->set_end_of_stream(end);
    auto& header = *request.mutable_request_headers()->mutable_headers()->add_headers();
    header.set_key(":method");
    header.set_raw_value(end ? "GET" : "POST");
    return request;
  }
  static pb::ProcessingRequest piece(std::string bytes, bool end) {
    pb::ProcessingRequest request;
    request.mutable_request_body()->set_body(std::move(bytes));
    request.mutable_request_body()->set_end_of_stream(end);
    return request;
  }

  StaticPicker fixed_{{"a:1"}, 1};
  WaitingPicker waiting_;
  EppConfig config_;
  std::atomic<bool> ready_ = true;
  SystemClock clock_;
  obs::MetricRegistry registry_;
  StreamMetrics metrics_ = make_stream_metrics(registry_, "llm_d_epp");
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

picker::PickOutcome to_a() {
  return {.pick = picker::Pick{
              .destinations = {"a:1"},
              .exchange = std::make_shared<FakeExchange>(std::make_shared<ExchangeLog>())}};
}

TEST_F(ServerTest, AnswersInOrderAndEndsAfterThePeer) {
  serve(fixed_);
  grpc::ClientContext context;
  const auto stream = call(context);
  const std::string bytes(200'000, 'x');
  stream->Write(head(false));
  stream->Write(piece(bytes, false));
  stream->Write(piece("", true));
  pb::ProcessingResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.request_headers().response().header_mutation().set_headers(0).header().key(),
            "x-gateway-destination-endpoint");
  std::string got;
  bool end = false;
  while (!end) {
    ASSERT_TRUE(stream->Read(&response));
    const auto& part = response.request_body().response().body_mutation().streamed_response();
    got += part.body();
    end = part.end_of_stream();
  }
  EXPECT_EQ(got, bytes);
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

// Rule 2: a queued request whose client has gone must not keep its place.
TEST_F(ServerTest, AClientThatLeavesDropsItsPick) {
  for (const bool half_close : {true, false}) {
    WaitingPicker picker;
    serve(picker);
    grpc::ClientContext context;
    const auto stream = call(context);
    stream->Write(head(true));
    picker.wait_asked();
    half_close ? static_cast<void>(stream->WritesDone()) : context.TryCancel();
    picker.wait_dropped();
    (void)stream->Finish();
    server_.reset();
  }
  EXPECT_EQ(metrics_.inflight.value(), 0);
}

TEST_F(ServerTest, APickMayAnswerLater) {
  serve(waiting_);
  grpc::ClientContext context;
  const auto stream = call(context);
  stream->Write(head(true));
  waiting_.answer(to_a());
  pb::ProcessingResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.has_request_headers());
  context.TryCancel();
  (void)stream->Finish();
}

TEST_F(ServerTest, ARefusalIsTheLastWord) {
  fixed_.begin_drain();
  serve(fixed_);
  grpc::ClientContext context;
  const auto stream = call(context);
  stream->Write(head(true));
  pb::ProcessingResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.immediate_response().status().code(), 503);
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ServerTest, AnEvictionReachesTheClient) {
  serve(waiting_);
  const auto log = std::make_shared<ExchangeLog>();
  grpc::ClientContext context;
  const auto stream = call(context);
  stream->Write(head(true));
  waiting_.answer({.pick = picker::Pick{.destinations = {"a:1"},
                                        .exchange = std::make_shared<FakeExchange>(log)}});
  pb::ProcessingResponse response;
  ASSERT_TRUE(stream->Read(&response));
  log->evict({.status = 429, .code_name = "TooManyRequests", .dropped_reason = "evicted"});
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.immediate_response().status().code(), 429);
  (void)stream->Finish();
}

TEST_F(ServerTest, TheClockEndsAWaitThatIsTooLong) {
  config_.pick_timeout = 1ms;
  serve(waiting_);
  grpc::ClientContext context;
  const auto stream = call(context);
  stream->Write(head(true));
  pb::ProcessingResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.immediate_response().status().code(), 503);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ServerTest, BrokenProtocolIsAnErrorOfTheRpc) {
  serve(fixed_);
  grpc::ClientContext context;
  const auto stream = call(context);
  stream->Write(piece("x", true));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  server_.reset();  // Waits until the stream is counted.
  EXPECT_EQ(metrics_.failed.value(), 1);
}

TEST_F(ServerTest, HealthIsToldUnderEveryNameOnBothPorts) {
  serve(fixed_);
  const auto own = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->health_port()),
                                       grpc::InsecureChannelCredentials());
  const auto check = [](const std::shared_ptr<grpc::Channel>& channel, const std::string& name) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 20s);
    health::HealthCheckRequest request;
    request.set_service(name);
    health::HealthCheckResponse response;
    const grpc::Status status =
        health::Health::NewStub(channel)->Check(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  };
  const std::vector<std::string> names = {"", "inference-extension", "readiness",
                                          "envoy.service.ext_proc.v3.ExternalProcessor"};
  for (const bool ready : {true, false}) {
    ready_ = ready;
    for (const auto& channel : {channel_, own}) {
      for (const std::string& name : names) {
        EXPECT_EQ(check(channel, name), ready ? health::HealthCheckResponse::SERVING
                                              : health::HealthCheckResponse::NOT_SERVING)
            << name;
      }
      EXPECT_EQ(check(channel, "liveness"), health::HealthCheckResponse::SERVING);
    }
  }
}

TEST_F(ServerTest, WatchersAreToldOfChangesAndLetGo) {
  serve(fixed_);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 20s);
  health::HealthCheckRequest request;
  const auto reader = health::Health::NewStub(channel_)->Watch(&context, request);
  health::HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), health::HealthCheckResponse::SERVING);
  ready_ = false;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), health::HealthCheckResponse::NOT_SERVING);
  server_->drain(20s);  // Would take that long if the watch held it up.
  EXPECT_FALSE(reader->Read(&response));
}

TEST_F(ServerTest, DrainingLetsExchangesEnd) {
  serve(waiting_);
  grpc::ClientContext context;
  const auto stream = call(context);
  stream->Write(head(true));
  waiting_.wait_asked();
  server_->begin_drain();
  const std::jthread draining([&] { server_->drain(20s); });
  waiting_.answer(to_a());
  pb::ProcessingResponse response;
  ASSERT_TRUE(stream->Read(&response));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ServerTest, TlsWithOwnOrGivenCertificate) {
  const auto directory = *TemporaryDirectory::create("extproc");
  const auto pem = *net::make_self_signed(clock_.wall_now());
  ASSERT_TRUE(write_file_atomically(directory->path() / "tls.crt", pem.chain_pem));
  ASSERT_TRUE(write_file_atomically(directory->path() / "tls.key", pem.key_pem));
  for (const bool reload : {false, true}) {
    serve(fixed_, {.tls = Tls::kFiles,
                   .certificate_directory = directory->path().string(),
                   .reload_certificate = reload});
    grpc::SslCredentialsOptions trust{.pem_root_certs = pem.chain_pem};
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()),
                                   grpc::SslCredentials(trust));
    grpc::ClientContext context;
    const auto stream = call(context);
    stream->Write(head(true));
    pb::ProcessingResponse response;
    ASSERT_TRUE(stream->Read(&response)) << stream->Finish().error_message();
    EXPECT_TRUE(response.has_request_headers());
    context.TryCancel();
    (void)stream->Finish();
    server_.reset();
  }
  EXPECT_FALSE(
      Server::create({.tls = Tls::kFiles, .certificate_directory = "/nonexistent"}, {}, clock_));
}

TEST_F(ServerTest, ATakenPortIsAnError) {
  serve(fixed_);
  const auto second = Server::create({.port = server_->port(), .tls = Tls::kOff}, {}, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
}

}  // namespace
}  // namespace rage::extproc
