#include "operator/autoscaler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apis/kinds.h"
#include "kube/fake_client_for_test.h"
#include "kube/manual_clock_for_test.h"

namespace rage::op {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Replicas by URL; thread-safe.
class FakeReplicas final : public net::HttpTransport {
 public:
  void tell(const std::string& url, std::string text) {
    answers_.with([&](auto& answers) { answers[url] = std::move(text); });
  }
  Result<net::HttpResponse> fetch(const Context&, const net::ClientRequest& request) override {
    return answers_.with([&](auto& answers) -> Result<net::HttpResponse> {
      const auto found = answers.find(request.url);
      if (found == answers.end()) return fail(ErrorCode::kUnavailable, "connection refused");
      return net::HttpResponse{.body = found->second};
    });
  }
  Result<void> stream(const Context&, const net::ClientRequest&,
                      const std::function<bool(const net::HttpResponse&)>&,
                      const std::function<bool(std::string_view)>&) override {
    return fail(ErrorCode::kUnimplemented, "not used");
  }

 private:
  Guarded<std::map<std::string, std::string>> answers_;
};

class AutoscalerTest : public testing::Test {
 protected:
  // A set of `replicas`, each with a ready pod 10.0.0.N; call it before start().
  void seed(int replicas, const apis::StringMap& annotations = {}) {
    Json set = object_of(apis::inference_set_type(), key_);
    set["metadata"]["uid"] = "set-1";
    Json& own = set["metadata"]["annotations"] = {{"scaledobject.kaito.sh/auto-provision", "true"},
                                                  {"scaledobject.kaito.sh/threshold", "10"},
                                                  {"scaledobject.kaito.sh/min-replicas", "0"},
                                                  {"scaledobject.kaito.sh/max-replicas", "5"}};
    for (const auto& [key, value] : annotations) own[key] = value;
    set["spec"] = {{"replicas", replicas},
                   {"labelSelector", Json::object()},
                   {"template", {{"inference", {{"preset", {{"name", "phi-4"}}}}}}}};
    client_.seed(apis::inference_set_type(), set);
    for (int i = 1; i <= replicas; ++i) seed_replica(i);
  }
  void seed_replica(int number) {
    const std::string name = "phi-" + std::to_string(number);
    Json child = object_of(apis::workspace_type(), {.ns = "ml", .name = name});
    child["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "kaito.sh/v1beta1"},
                                                         {"kind", "InferenceSet"},
                                                         {"name", "phi"},
                                                         {"uid", "set-1"},
                                                         {"controller", true}}});
    child["resource"] = {{"labelSelector", Json::object()}};
    child["inference"] = {{"preset", {{"name", "phi-4"}}}};
    client_.seed(apis::workspace_type(), child);
    for (const char* index : {"0", "1"}) {  // Two nodes a replica; the first answers.
      Json pod = object_of(apis::builtin_type("Pod"), {.ns = "ml", .name = name + "-" + index});
      pod["metadata"]["labels"] = {{"kaito.sh/workspace", name},
                                   {"apps.kubernetes.io/pod-index", index}};
      pod["status"] = {
          {"podIP", fmt::format("10.0.{}.{}", index, number)},
          {"conditions", Json::array({{{"type", "Ready"},
                                       {"status", "True"},
                                       {"lastTransitionTime", "2026-01-01T00:06:52Z"}}})}};
      client_.seed(apis::builtin_type("Pod"), pod);
    }
  }
  void start() {
    caches_.start();
    ASSERT_TRUE(caches_.wait_synced(Context::with_timeout(10s)));
    client_.clear_calls();
  }
  kube::Outcome reconcile() {
    auto outcome = scaler_.reconcile({}, key_);
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome.value_or(kube::Outcome{});
  }
  std::vector<std::string> writes() const {
    std::vector<std::string> found;
    for (const auto& call : client_.calls()) {
      // The informer opens its watch when it likes.
      const bool read = call.verb == "list" || call.verb == "watch";
      if (call.kind == "InferenceSet" && !read) found.push_back(call.verb);
    }
    return found;
  }
  int replicas() const {
    return static_cast<int>(
        codec::number_or(client_.peek(apis::inference_set_type(), key_)["spec"], "replicas", -1));
  }

  const ObjectKey key_{.ns = "ml", .name = "phi"};
  kube::FakeKubeClient client_;
  kube::ManualClock clock_;
  Settings settings_;
  Caches caches_{client_, clock_, settings_};
  kube::EventRecorder events_{client_, clock_};
  Hands hands_{.client = client_, .events = events_, .clock = clock_, .informers = caches_.all()};
  FakeReplicas transport_;
  ScalingReports reports_;
  std::vector<ObjectKey> news_;
  AutoscaleReconciler scaler_{hands_,     caches_,
                              transport_, reports_,
                              {},         [this](const ObjectKey& key) { news_.push_back(key); }};
};

TEST_F(AutoscalerTest, ScalesThroughTheSubresource) {
  seed(2);
  start();
  transport_.tell("http://10.0.0.1:5000/metrics", "vllm:num_requests_waiting 12\n");
  transport_.tell("http://10.0.0.2:5000/metrics", "vllm:num_requests_waiting{e=\"0\"} 16\n");
  EXPECT_EQ(reconcile().requeue_after, 15s);
  EXPECT_THAT(writes(), ElementsAre("patch/scale"));
  EXPECT_EQ(replicas(), 3);
  EXPECT_THAT(news_, ElementsAre(key_));
  EXPECT_EQ(reports_.find(key_)->reason, "ValidMetricFound");
}

// Its own status change brings the set back at once; its replicas are asked once an interval.
TEST_F(AutoscalerTest, LooksOnceAnInterval) {
  seed(1);
  start();
  transport_.tell("http://10.0.0.1:5000/metrics", "vllm:num_requests_waiting 10\n");
  EXPECT_EQ(reconcile().requeue_after, 15s);
  clock_.advance(5s);
  transport_.tell("http://10.0.0.1:5000/metrics", "vllm:num_requests_waiting 50\n");
  EXPECT_EQ(reconcile().requeue_after, 10s);
  EXPECT_THAT(writes(), IsEmpty());
  clock_.advance(10s);
  reconcile();
  EXPECT_THAT(writes(), ElementsAre("patch/scale"));
}

TEST_F(AutoscalerTest, SilentReplicasChangeNothing) {
  seed(3);
  start();
  for (int i = 0; i < 50; ++i) {
    reconcile();
    clock_.advance(15s);
  }
  EXPECT_THAT(writes(), IsEmpty());
  EXPECT_EQ(reports_.find(key_)->reason, "MetricsMissing");
  EXPECT_EQ(news_.size(), 1U);  // Said once.
}

TEST_F(AutoscalerTest, GoesToZeroAndWakesOnTheAnnotation) {
  seed(1, {{"rage.dev/idle-seconds", "30"}});
  start();
  transport_.tell("http://10.0.0.1:5000/metrics",
                  "vllm:num_requests_waiting 0\nvllm:num_requests_running 0\n"
                  "vllm:prompt_tokens_total 9\n");
  for (int i = 0; i < 4; ++i) {
    reconcile();
    clock_.advance(15s);
  }
  EXPECT_THAT(writes(), ElementsAre("patch/scale"));
  EXPECT_EQ(replicas(), 0);
}

TEST_F(AutoscalerTest, ASleepingSetCostsNothingUntilItIsWoken) {
  seed(0);
  start();
  EXPECT_EQ(reconcile().requeue_after, std::nullopt);
  EXPECT_EQ(reports_.find(key_)->reason, "ScaledToZero");
  EXPECT_THAT(writes(), IsEmpty());
}

TEST_F(AutoscalerTest, WakesOnTheAnnotation) {
  seed(0, {{"rage.dev/wake", "please"}});
  start();
  reconcile();
  EXPECT_THAT(writes(), ElementsAre("patch"));
  EXPECT_EQ(replicas(), 1);
  const auto meta = apis::parse_meta(client_.peek(apis::inference_set_type(), key_));
  EXPECT_EQ(meta.annotation(kWake), "");
  EXPECT_EQ(meta.annotation(kWokenAt), "2026-01-01T00:00:00Z");
}

TEST_F(AutoscalerTest, MeasuresTheColdStart) {
  seed(1, {{"rage.dev/woken-at", "2026-01-01T00:00:00Z"}});
  start();
  reconcile();
  const auto meta = apis::parse_meta(client_.peek(apis::inference_set_type(), key_));
  EXPECT_EQ(meta.annotation(kColdStart), "412");
  EXPECT_EQ(meta.annotation(kWokenAt), "");
}

// Somebody who scales by hand at the same moment is not overruled by an old look.
TEST_F(AutoscalerTest, AConflictIsAnErrorThatIsTriedAgain) {
  seed(1);
  start();
  transport_.tell("http://10.0.0.1:5000/metrics", "vllm:num_requests_waiting 50\n");
  client_.intercept([this](const kube::FakeKubeClient::Call& call) -> Result<void> {
    if (call.verb == "patch/scale") {
      return fail(kube::FakeKubeClient::conflict(apis::inference_set_type(), key_));
    }
    return {};
  });
  const auto outcome = scaler_.reconcile({}, key_);
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(kube::is_conflict(outcome.error()));
}

TEST_F(AutoscalerTest, WithoutTheAnnotationItIsForgotten) {
  reports_.put(key_, {});
  seed(1, {{"scaledobject.kaito.sh/auto-provision", "false"}});
  start();
  EXPECT_EQ(reconcile().requeue_after, std::nullopt);
  EXPECT_FALSE(reports_.find(key_));
  EXPECT_THAT(writes(), IsEmpty());
}

TEST(AutoscaledSet, OthersAreNotEvenRead) {
  Json set = {{"metadata", {{"name", "phi"}, {"namespace", "ml"}}}};
  EXPECT_TRUE(autoscaled_set(kube::Object(set)).empty());
  set["metadata"]["annotations"]["scaledobject.kaito.sh/auto-provision"] = "true";
  EXPECT_EQ(autoscaled_set(kube::Object(set)).size(), 1U);
}

}  // namespace
}  // namespace rage::op
