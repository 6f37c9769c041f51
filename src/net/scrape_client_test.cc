// What a router knows of its model servers comes through here: it must stay fresh, cost one
// connection a server, and leave servers alone that fail.
#include "net/scrape_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/http_server.h"

namespace rage::net {
namespace {

using namespace std::chrono_literals;

// What a sink has heard; outlives the loop.
class Heard final {
 public:
  void add_body(std::string_view bytes) {
    MutexLock lock(mutex_);
    body_ += bytes;
  }
  void end(const Result<void>& outcome) {
    MutexLock lock(mutex_);
    bodies_.push_back(std::exchange(body_, {}));
    outcomes_.push_back(outcome);
    changed_.notify_all();
  }
  void destroyed() {
    MutexLock lock(mutex_);
    destroyed_ = true;
    changed_.notify_all();
  }
  // False after ten seconds without.
  bool wait_for(std::size_t ends) {
    MutexLock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (outcomes_.size() < ends) {
      if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) return false;
    }
    return true;
  }
  bool wait_destroyed() {
    MutexLock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (!destroyed_) {
      if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) return false;
    }
    return true;
  }
  std::vector<std::string> bodies() {
    MutexLock lock(mutex_);
    return bodies_;
  }
  std::vector<Result<void>> outcomes() {
    MutexLock lock(mutex_);
    return outcomes_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::string body_ GUARDED_BY(mutex_);
  std::vector<std::string> bodies_ GUARDED_BY(mutex_);
  std::vector<Result<void>> outcomes_ GUARDED_BY(mutex_);
  bool destroyed_ GUARDED_BY(mutex_) = false;
};

class RecordingSink final : public ScrapeSink {
 public:
  explicit RecordingSink(Heard& heard) : heard_(heard) {}
  ~RecordingSink() override { heard_.destroyed(); }
  void on_body(std::string_view bytes) override { heard_.add_body(bytes); }
  void on_end(const Result<void>& outcome) override { heard_.end(outcome); }

 private:
  Heard& heard_;
};

std::unique_ptr<HttpServer> serve_metrics(HttpHandler handler, HttpServerOptions options = {}) {
  auto server = HttpServer::create(options, std::move(handler));
  return server ? std::move(*server) : nullptr;
}

ScrapeTarget at(std::uint16_t port) {
  return {.address = "127.0.0.1", .port = port, .interval = 5ms};
}

TEST(ScrapeLoop, KeepsOneConnectionAndReadsBothFramings) {
  const std::string page(100'000, 'x');
  std::atomic<int> requests = 0;
  const auto server =
      serve_metrics([&](const Context&, const HttpRequest& request, ResponseWriter& out) {
        EXPECT_EQ(request.path, "/metrics");
        EXPECT_EQ(request.query, "name=a");
        if (requests.fetch_add(1) % 2 == 0) {
          (void)out.send({.status = 200, .headers = {}, .body = page});
        } else {
          (void)out.begin(200, {});
          (void)out.write(std::string_view(page).substr(0, 777));
          (void)out.write(std::string_view(page).substr(777));
        }
      });
  ASSERT_TRUE(server);
  Heard heard;
  auto loop = ScrapeLoop::create();
  ASSERT_TRUE(loop);
  ScrapeTarget target = at(server->port());
  target.path = "/metrics?name=a";
  ASSERT_TRUE((*loop)->add(target, std::make_unique<RecordingSink>(heard)));
  ASSERT_TRUE(heard.wait_for(6));
  const ScrapeStatistics statistics = (*loop)->statistics();
  loop->reset();
  for (const auto& outcome : heard.outcomes()) EXPECT_TRUE(outcome) << outcome.error().message;
  for (const std::string& body : heard.bodies()) EXPECT_TRUE(body == page) << body.size();
  EXPECT_EQ(statistics.connects, 1);
  EXPECT_EQ(statistics.failures, 0);
}

TEST(ScrapeLoop, ReconnectsUnnoticedWhenAServerClosesBetweenTwoScrapes) {
  const auto server = serve_metrics(
      [](const Context&, const HttpRequest&, ResponseWriter& out) {
        (void)out.send({.status = 200, .headers = {}, .body = "ok"});
      },
      {.idle_timeout = 4ms});
  ASSERT_TRUE(server);
  Heard heard;
  auto loop = ScrapeLoop::create();
  ASSERT_TRUE(loop);
  ScrapeTarget target = at(server->port());
  target.interval = 30ms;
  ASSERT_TRUE((*loop)->add(target, std::make_unique<RecordingSink>(heard)));
  ASSERT_TRUE(heard.wait_for(5));
  EXPECT_EQ((*loop)->statistics().failures, 0);
  EXPECT_GT((*loop)->statistics().connects, 1);
}

TEST(ScrapeLoop, AnotherStatusIsAFailureWithoutABody) {
  const auto server = serve_metrics([](const Context&, const HttpRequest&, ResponseWriter& out) {
    (void)out.send({.status = 503, .headers = {}, .body = "loading"});
  });
  ASSERT_TRUE(server);
  Heard heard;
  auto loop = ScrapeLoop::create();
  ASSERT_TRUE(loop);
  ASSERT_TRUE((*loop)->add(at(server->port()), std::make_unique<RecordingSink>(heard)));
  ASSERT_TRUE(heard.wait_for(1));
  EXPECT_EQ(heard.outcomes()[0].error().message, "HTTP status 503");
  EXPECT_EQ(heard.bodies()[0], "");
}

TEST(ScrapeLoop, GivesUpOnASlowServer) {
  const auto server =
      serve_metrics([](const Context& context, const HttpRequest&, ResponseWriter& out) {
        SystemClock().sleep_for(10s, context.stop);
        (void)out.send({.status = 200, .headers = {}, .body = "late"});
      });
  ASSERT_TRUE(server);
  Heard heard;
  auto loop = ScrapeLoop::create({.timeout = 20ms});
  ASSERT_TRUE(loop);
  ASSERT_TRUE((*loop)->add(at(server->port()), std::make_unique<RecordingSink>(heard)));
  ASSERT_TRUE(heard.wait_for(1));
  EXPECT_EQ(heard.outcomes()[0].error().code, ErrorCode::kDeadlineExceeded);
  loop->reset();  // Closes the connection, which is how the handler learns to stop.
}

TEST(ScrapeLoop, AsksADeadServerLessAndLessOften) {
  std::uint16_t port = 0;
  {
    const auto server = serve_metrics([](const Context&, const HttpRequest&, ResponseWriter&) {});
    ASSERT_TRUE(server);
    port = server->port();
  }
  Heard heard;
  auto loop = ScrapeLoop::create();
  ASSERT_TRUE(loop);
  const auto started = std::chrono::steady_clock::now();
  ASSERT_TRUE((*loop)->add(at(port), std::make_unique<RecordingSink>(heard)));
  ASSERT_TRUE(heard.wait_for(5));
  // Without back-off five scrapes would be over in 25 ms; with it they wait for 10, 20, 40, 80 ms,
  // a quarter less at best.
  EXPECT_GE(std::chrono::steady_clock::now() - started, 110ms);
  for (const auto& outcome : heard.outcomes()) {
    EXPECT_EQ(outcome.error().code, ErrorCode::kUnavailable);
  }
}

TEST(ScrapeLoop, ARemovedTargetsSinkIsDestroyedWhileOthersGoOn) {
  const auto server = serve_metrics([](const Context&, const HttpRequest&, ResponseWriter& out) {
    (void)out.send({.status = 200, .headers = {}, .body = "ok"});
  });
  ASSERT_TRUE(server);
  Heard stays;
  Heard leaves;
  auto loop = ScrapeLoop::create();
  ASSERT_TRUE(loop);
  ASSERT_TRUE((*loop)->add(at(server->port()), std::make_unique<RecordingSink>(stays)));
  const auto id = (*loop)->add(at(server->port()), std::make_unique<RecordingSink>(leaves));
  ASSERT_TRUE(id);
  ASSERT_TRUE(leaves.wait_for(1));
  (*loop)->remove(*id);
  EXPECT_TRUE(leaves.wait_destroyed());
  EXPECT_TRUE(stays.wait_for(stays.outcomes().size() + 3));
}

TEST(ScrapeLoop, RefusesWhatItCannotScrape) {
  Heard heard;
  auto loop = ScrapeLoop::create({.targets_max = 1});
  ASSERT_TRUE(loop);
  const auto refused = [&](ScrapeTarget target) {
    const auto added = (*loop)->add(std::move(target), std::make_unique<RecordingSink>(heard));
    return added ? std::nullopt : std::optional(added.error().code);
  };
  EXPECT_EQ(refused({.address = "model.example", .port = 80}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused({.address = "127.0.0.1"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused({.address = "::1", .port = 1, .path = "/a b"}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused({.address = "::1", .port = 1, .interval = 0ms}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused({.address = "::1", .port = 1}), std::nullopt);
  EXPECT_EQ(refused({.address = "::1", .port = 1}), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace rage::net
