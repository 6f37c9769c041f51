// With real model servers' pages on real sockets: what they say decides, and a server that stops
// answering is noticed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "net/http_server.h"
#include "picker/make_director.h"
#include "picker/waiting_for_test.h"
#include "routing/make_scheduler.h"

namespace rage::picker {
namespace {

using namespace std::chrono_literals;

// Publishes vLLM's metrics.
class ModelServer final {
 public:
  explicit ModelServer(int waiting) : waiting_(waiting) {
    auto server = net::HttpServer::create(
        {}, [this](const Context&, const net::HttpRequest& request, net::ResponseWriter& writer) {
          EXPECT_EQ(request.path, "/metrics");
          (void)writer.send({.status = status_, .headers = {}, .body = page()});
        });
    EXPECT_TRUE(server);
    if (server) server_ = *std::move(server);
  }
  void set_waiting(int waiting) { waiting_ = waiting; }
  void set_status(int status) { status_ = status; }
  routing::Endpoint endpoint(std::string pod) const {
    return {
        .name_space = "ns", .pod = std::move(pod), .address = "127.0.0.1", .port = server_->port()};
  }

 private:
  std::string page() const {
    return "# HELP vllm:num_requests_waiting Waiting.\n# TYPE vllm:num_requests_waiting gauge\n"
           "vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} " +
           std::to_string(waiting_) + ".0\nvllm:num_requests_running{model_name=\"m\"} 2.0\n" +
           "vllm:kv_cache_usage_perc{model_name=\"m\"} 0.25\n";
  }

  std::atomic<int> waiting_;
  std::atomic<int> status_ = 200;
  std::unique_ptr<net::HttpServer> server_;
};

class DirectorScrapeTest : public testing::Test {
 protected:
  void start(DirectorOptions options) {
    options.scrape.interval = 5ms;
    options.refresh = 5ms;
    options.pool = "pool";
    const auto config = routing::parse_picker_config("");
    ASSERT_TRUE(config);
    auto scheduler = routing::make_scheduler(*config, 1);
    ASSERT_TRUE(scheduler);
    auto source = std::make_unique<PushSource>();
    source_ = source.get();
    auto director = make_director(std::move(options), *std::move(scheduler), std::move(source),
                                  clock_, registry_);
    ASSERT_TRUE(director) << director.error().message;
    director_ = *std::move(director);
  }
  double metric(std::string_view series) const {
    const std::string page = registry_.render();
    const std::size_t at = page.find("\n" + std::string(series) + " ");
    return at == std::string::npos ? -1 : std::stod(page.substr(at + series.size() + 2));
  }
  // False after ten seconds.
  bool wait_for(std::string_view series, double least) {
    const auto until = clock_.now() + 10s;
    while (metric(series) < least) {
      if (clock_.now() > until) return false;
      (void)clock_.sleep_for(2ms, {});
    }
    return true;
  }
  std::string pick(std::string_view prompt = "x") {
    const std::string body = R"({"model":"m","prompt":")" + std::string(prompt) + "\"}";
    std::string destination;
    const auto ticket = director_->pick({.method = "POST",
                                         .path = "/v1/completions",
                                         .body = std::make_shared<const std::string>(body)},
                                        [&](PickOutcome outcome) {
                                          if (outcome.pick)
                                            destination = outcome.pick->destinations.front();
                                        });
    return destination;
  }

  SystemClock clock_;
  obs::MetricRegistry registry_;
  PushSource* source_ = nullptr;
  std::unique_ptr<EndpointPicker> director_;
};

constexpr char kQueueA[] =
    R"(llm_d_epp_per_endpoint_queue_size{name="pool",model_server_endpoint="a-rank-0"})";
constexpr char kQueueB[] =
    R"(llm_d_epp_per_endpoint_queue_size{name="pool",model_server_endpoint="b-rank-0"})";
constexpr char kErrors[] =
    R"(llm_d_epp_datalayer_poll_errors_total{source_type="metrics-data-source"})";
constexpr char kStale[] =
    R"(llm_d_epp_flow_control_stale_endpoints{detector="utilization-detector"})";

TEST_F(DirectorScrapeTest, TheServersOwnNumbersDecide) {
  ModelServer a(9);
  ModelServer b(3);
  start({});
  source_->push({.endpoints = {a.endpoint("a"), b.endpoint("b")}});
  ASSERT_TRUE(wait_for(kQueueA, 9));
  ASSERT_TRUE(wait_for(kQueueB, 3));
  EXPECT_EQ(pick(), b.endpoint("b").authority());
  b.set_waiting(20);
  ASSERT_TRUE(wait_for(kQueueB, 20));
  EXPECT_EQ(pick("another"), a.endpoint("a").authority());
  EXPECT_EQ(metric(R"(inference_pool_average_kv_cache_utilization{name="pool"})"), .25);
  director_.reset();
}

TEST_F(DirectorScrapeTest, AServerThatStopsAnsweringGrowsStaleAndComesBack) {
  ModelServer a(1);
  DirectorOptions options;
  options.saturation = routing::UtilizationOptions{.stale_after = 40ms};
  options.scrape.client.backoff_max = 20ms;
  start(std::move(options));
  source_->push({.endpoints = {a.endpoint("a")}});
  ASSERT_TRUE(wait_for(kQueueA, 1));
  a.set_status(503);
  EXPECT_TRUE(wait_for(kErrors, 3));
  EXPECT_TRUE(wait_for(kStale, 1));
  EXPECT_EQ(pick(), a.endpoint("a").authority()) << "what is known is better than no answer";
  a.set_status(200);
  a.set_waiting(4);
  EXPECT_TRUE(wait_for(kQueueA, 4));
  director_.reset();
}

TEST_F(DirectorScrapeTest, AnEndpointThatLeavesIsNotScrapedAnyMore) {
  ModelServer a(1);
  start({});
  source_->push({.endpoints = {a.endpoint("a")}});
  ASSERT_TRUE(wait_for(kQueueA, 1));
  source_->push({});
  EXPECT_EQ(metric(R"(inference_pool_ready_pods{name="pool"})"), 0);
  EXPECT_EQ(metric(kQueueA), 0);
  EXPECT_EQ(pick(), "");
  director_.reset();
}

TEST_F(DirectorScrapeTest, AnEngineNobodyKnowsIsRefusedAsTheDefault) {
  DirectorOptions options;
  options.scrape.default_engine = "unheard-of";
  options.pool = "pool";
  const auto config = routing::parse_picker_config("");
  auto scheduler = routing::make_scheduler(*config, 1);
  const auto director = make_director(std::move(options), *std::move(scheduler),
                                      std::make_unique<PushSource>(), clock_, registry_);
  ASSERT_FALSE(director);
  EXPECT_EQ(director.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace rage::picker
