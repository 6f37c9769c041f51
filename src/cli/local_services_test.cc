#include "cli/local_services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/files.h"

namespace rage::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

struct LocalServicesTest : testing::Test {
  SystemClock clock;
  std::unique_ptr<TemporaryDirectory> directory = *TemporaryDirectory::create("rage-services-");
  LocalServices services{clock, directory->path()};
  std::unique_ptr<net::HttpTransport> transport = net::make_http_transport();

  ~LocalServicesTest() override { (void)services.stop(1s); }
  static ServiceSpec sleeper(const std::string& seconds) {
    return {.name = "sleeper", .port = 0, .health_path = "/", .argv = {"/bin/sleep", seconds}};
  }
};

TEST_F(LocalServicesTest, StopsWhatItStarted) {
  EXPECT_THAT(*services.load(), IsEmpty());
  ASSERT_TRUE(services.start({sleeper("60")}));
  const auto running = *services.load();
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(::kill(running[0].pid, 0), 0);
  EXPECT_EQ(*services.stop(5s), 1);
  EXPECT_THAT(*services.load(), IsEmpty());
}

// A recycled process id belongs to somebody else: it must never be signalled.
TEST_F(LocalServicesTest, AnotherProcessWithARecordedIdIsNotOurs) {
  ASSERT_TRUE(ensure_directory(directory->path() / "run"));
  ASSERT_TRUE(write_file_atomically(
      directory->path() / "run" / "services.json",
      fmt::format(
          R"({{"services":[{{"name":"rag","url":"http://127.0.0.1:1","pid":{},"started_ticks":1}}]}})",
          ::getpid())));
  EXPECT_THAT(*services.load(), IsEmpty());
  EXPECT_EQ(*services.stop(1s), 0);
}

TEST_F(LocalServicesTest, ADamagedStateFileIsAnError) {
  ASSERT_TRUE(ensure_directory(directory->path() / "run"));
  ASSERT_TRUE(
      write_file_atomically(directory->path() / "run" / "services.json", R"({"services":1})"));
  EXPECT_EQ(services.load().error().code, ErrorCode::kDataLoss);
  std::error_code ignored;
  std::filesystem::remove(directory->path() / "run" / "services.json", ignored);
}

TEST_F(LocalServicesTest, AProgramThatIsNotThereIsNamed) {
  ServiceSpec spec{.name = "none", .port = 0, .health_path = "/", .argv = {"/no/such/program"}};
  const auto started = services.start({spec});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("/no/such/program"));
}

TEST(RenderStatus, HasTheShapeScriptsRead) {
  const ServiceStatus rag{
      .state = {.name = "rag", .url = "http://127.0.0.1:8300", .health_path = "/health", .pid = 7},
      .running = true,
      .ready = true};
  EXPECT_EQ(codec::render_json(render_status({rag})),
            R"({"services":[{"name":"rag","url":"http://127.0.0.1:8300","ready":true,"pid":7}]})");
}

}  // namespace
}  // namespace rage::cli
