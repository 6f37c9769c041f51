#include "models/llama_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/files.h"
#include "codec/json.h"
#include "net/http_server.h"
#include "test_paths.h"

namespace rage::models {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::HasSubstr;

const std::filesystem::path kBinary = test::cache_dir() / "bin/llama-server";
const std::filesystem::path kModel =
    test::cache_dir() /
    "models/packaged/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf";

class Llama : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(kBinary)) << kBinary << " is missing: run make deps";
    ASSERT_TRUE(std::filesystem::exists(kModel)) << kModel << " is missing: run make deps";
  }
  LlamaServerOptions options() const {
    return {.binary = kBinary,
            .model = kModel,
            .alias = "smol",
            .context_tokens = 512,
            .log_file = directory_->path() / "llama.log",
            .backoff_first = milliseconds(1)};
  }
  Result<std::unique_ptr<LlamaServer>> start(const LlamaServerOptions& options) {
    return LlamaServer::start(Context::with_timeout(milliseconds(60'000)), *transport_, clock_,
                              options);
  }

  SystemClock clock_;
  std::unique_ptr<net::HttpTransport> transport_ = net::make_http_transport();
  std::unique_ptr<TemporaryDirectory> directory_ =
      TemporaryDirectory::create("rage-llama-").value();
};

TEST_F(Llama, AnswersAndIsRestartedAfterACrashOnTheSamePort) {
  auto server = start(options());
  ASSERT_TRUE(server) << server.error().message << "\n" << server.error().detail;
  const pid_t first = (*server)->status().pid.value();
  const auto reply = transport_->fetch(
      Context::with_timeout(milliseconds(60'000)),
      {.method = "POST",
       .url = (*server)->base_url() + "/v1/chat/completions",
       .headers = {{"content-type", "application/json"}},
       .body = R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":2})"});
  ASSERT_TRUE(reply) << reply.error().message;
  ASSERT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(codec::string_or(codec::parse_json(reply->body).value(), "model", ""), "smol");

  ::kill(first, SIGKILL);
  const auto give_up = std::chrono::steady_clock::now() + milliseconds(60'000);
  LlamaServerStatus status = (*server)->status();
  while ((status.restarts == 0 || !status.is_ready) && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
    status = (*server)->status();
  }
  EXPECT_TRUE(status.is_ready);
  EXPECT_EQ(status.restarts, 1u);
  EXPECT_EQ(status.last_exit->signal, SIGKILL);
  const pid_t second = status.pid.value();
  EXPECT_NE(second, first);
  (*server)->stop();
  EXPECT_NE(::kill(second, 0), 0);  // Reaped.
  EXPECT_FALSE((*server)->status().is_ready);
}

// A half-downloaded model must be named in the error, not be retried for ever in the dark.
TEST_F(Llama, ModelThatDoesNotLoadIsAnErrorWithTheEndOfTheLog) {
  LlamaServerOptions broken = options();
  broken.model = directory_->path() / "broken.gguf";
  ASSERT_TRUE(write_file_atomically(broken.model, "GGUF, but no more than that"));
  const auto server = start(broken);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(server.error().message, HasSubstr("broken.gguf"));
  EXPECT_THAT(server.error().detail, HasSubstr("broken.gguf"));
}

TEST_F(Llama, TakenPortAndMissingFilesAreToldBeforeAnythingStarts) {
  const auto other = net::HttpServer::create(
      {}, [](const Context&, const net::HttpRequest&, net::ResponseWriter&) {});
  ASSERT_TRUE(other);
  LlamaServerOptions taken = options();
  taken.port = (*other)->port();
  const auto server = start(taken);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(server.error().message, HasSubstr("already in use"));

  LlamaServerOptions no_binary = options();
  no_binary.binary = "/nowhere/llama-server";
  EXPECT_EQ(start(no_binary).error().code, ErrorCode::kNotFound);
  LlamaServerOptions no_model = options();
  no_model.model = "/nowhere/model.gguf";
  EXPECT_EQ(start(no_model).error().code, ErrorCode::kNotFound);
  LlamaServerOptions other_kind = options();
  other_kind.model = kBinary;
  EXPECT_EQ(start(other_kind).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(Llama, CancelledStartLeavesNoProcess) {
  std::stop_source stop;
  stop.request_stop();
  const auto server =
      LlamaServer::start({.stop = stop.get_token()}, *transport_, clock_, options());
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, ErrorCode::kCancelled);
}

TEST(LlamaArguments, NameEverythingThatMatters) {
  const auto arguments = plan_llama_arguments(
      {.binary = "/bin/llama-server", .model = "/m/phi.Q4.gguf", .threads = 3}, 8081);
  EXPECT_EQ(arguments[0], "/bin/llama-server");
  EXPECT_THAT(arguments, Contains("phi.Q4"));
  EXPECT_THAT(arguments, Contains("8081"));
  EXPECT_THAT(arguments, Contains("--offline"));
  EXPECT_EQ(llama_base_url("::1", 8081), "http://[::1]:8081");
}

}  // namespace
}  // namespace rage::models
