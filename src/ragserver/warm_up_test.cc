// Who asks while the service starts must learn that, and not be refused a connection or lied to.
#include "ragserver/warm_up.h"

#include <gtest/gtest.h>

#include "ragserver/service_fixture.h"

namespace rage::ragserver {
namespace {

RecordingWriter ask(WarmUp& warm_up, const std::string& path) {
  const net::HttpRequest request{
      .method = "GET", .path = path, .query = {}, .headers = {}, .body = {}};
  RecordingWriter writer;
  warm_up.handle({}, request, writer);
  return writer;
}

TEST(WarmUp, SaysHowFarTheStartIs) {
  SystemClock clock;
  WarmUp warm_up(clock);
  warm_up.begin("embedder");
  warm_up.begin("indexes");
  const RecordingWriter ready = ask(warm_up, "/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.headers.find("retry-after"), "1");
  const codec::Json stages = ready.json()["stages"];
  ASSERT_EQ(stages.size(), 2U);
  EXPECT_EQ(stages[0]["stage"], "embedder");
  EXPECT_EQ(stages[0]["state"], "done");
  EXPECT_EQ(stages[1]["state"], "running");
  EXPECT_EQ(ask(warm_up, "/health").json()["status"], "Starting");
  const RecordingWriter other = ask(warm_up, "/indexes");
  EXPECT_EQ(other.status, 503);
  EXPECT_EQ(other.json()["detail"], "The service is starting: indexes");
}

TEST(WarmUp, ThenTheServiceAnswers) {
  SystemClock clock;
  WarmUp warm_up(clock);
  warm_up.begin("indexes");
  warm_up.finish([](const Context&, const net::HttpRequest&, net::ResponseWriter& writer) {
    (void)writer.send(net::HttpResponse::json(200, "{}"));
  });
  EXPECT_EQ(ask(warm_up, "/indexes").status, 200);
  EXPECT_EQ(warm_up.stages()[0]["state"], "done");
}

}  // namespace
}  // namespace rage::ragserver
