#include "operator/webhook_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "net/http_client.h"

namespace rage::op {
namespace {

using testing::HasSubstr;

CertificateBundle a_certificate(Clock& clock) {
  auto made = make_certificate({"127.0.0.1"}, clock.wall_now());
  EXPECT_TRUE(made);
  return made.value_or(CertificateBundle());
}

// An API server: every connection anew.
Result<net::HttpResponse> post(const WebhookServer& server, const CertificateBundle& trusted,
                               const std::string& path, const std::string& body) {
  const auto transport = net::make_http_transport();
  net::ClientRequest request{.method = "POST",
                             .url = fmt::format("https://127.0.0.1:{}{}", server.port(), path),
                             .body = body};
  request.tls = std::make_shared<net::TlsOptions>(net::TlsOptions{.ca_pem = trusted.ca_pem});
  return transport->fetch(Context::with_timeout(std::chrono::seconds(10)), request);
}

TEST(WebhookServer, AnswersOnceItHasACertificateAndFollowsItsRenewal) {
  SystemClock clock;
  obs::MetricRegistry metrics;
  const auto server = WebhookServer::create(clock, metrics, {.port = 0, .validation = {}});
  ASSERT_TRUE(server);
  const CertificateBundle first = a_certificate(clock);
  EXPECT_FALSE((*server)->serving());
  EXPECT_FALSE(post(**server, first, "/convert", "{}"));
  (*server)->use(first);
  EXPECT_TRUE((*server)->serving());
  const auto answered = post(**server, first, "/convert", "{}");
  ASSERT_TRUE(answered) << answered.error().message;
  EXPECT_EQ(answered->status, 400);
  const CertificateBundle second = a_certificate(clock);
  (*server)->use(second);
  EXPECT_TRUE(post(**server, second, "/validate/workspace.kaito.sh", "{}"));
  EXPECT_FALSE(post(**server, first, "/convert", "{}"));
}

// Dashboards for controller-runtime read these; a path anybody may make up is no label.
TEST(WebhookServer, CountsWhatItAnswers) {
  SystemClock clock;
  obs::MetricRegistry metrics;
  const auto server = WebhookServer::create(clock, metrics, {.port = 0, .validation = {}});
  ASSERT_TRUE(server);
  const CertificateBundle bundle = a_certificate(clock);
  (*server)->use(bundle);
  for (const char* path : {"/validate/workspace.kaito.sh", "/made-up"}) {
    ASSERT_TRUE(post(**server, bundle, path, "{}"));
  }
  (*server)->drain(std::chrono::seconds(5));
  const std::string text = metrics.render();
  const std::string labels = "code=\"400\",webhook=\"/validate/workspace.kaito.sh\"";
  EXPECT_THAT(text, HasSubstr("controller_runtime_webhook_requests_total{" + labels + "} 1.0\n"));
  EXPECT_THAT(text, HasSubstr("controller_runtime_webhook_latency_seconds_count{webhook=\""
                              "/validate/workspace.kaito.sh\"} 1.0\n"));
  EXPECT_THAT(text, HasSubstr("code=\"200\",webhook=\"/convert\"} 0.0\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("made-up")));
}

}  // namespace
}  // namespace rage::op
