// The pool as a cluster shows it: pods that come, go and are not ready, a pool that is made late or
// changes its selector, CRDs that may be missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/fake_client_for_test.h"
#include "picker/endpoint_source.h"

namespace rage::picker {
namespace {

using namespace std::chrono_literals;
using apis::ResourceType;
using codec::Json;
using testing::ElementsAre;
using testing::IsEmpty;

const ResourceType kPods{.group = "", .version = "v1", .kind = "Pod", .plural = "pods"};
const ResourceType kPools{.group = "inference.networking.k8s.io",
                          .version = "v1",
                          .kind = "InferencePool",
                          .plural = "inferencepools"};
const ResourceType kObjectives{.group = "llm-d.ai",
                               .version = "v1alpha2",
                               .kind = "InferenceObjective",
                               .plural = "inferenceobjectives"};

Json json(std::string_view text) {
  auto parsed = codec::parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *std::move(parsed) : Json();
}

Json pod(std::string_view name, std::string_view app, std::string_view ip, bool ready = true) {
  return json(fmt::format(
      R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{0}","namespace":"ns",)"
      R"("labels":{{"app":"{1}"}}}},"spec":{{"containers":[{{"name":"vllm"}}]}},)"
      R"("status":{{"podIP":"{2}","conditions":[{{"type":"Ready","status":"{3}"}}]}}}})",
      name, app, ip, ready ? "True" : "False"));
}

Json pool(std::string_view app, std::string_view ports = R"([{"number":8000}])") {
  return json(
      fmt::format(R"({{"apiVersion":"inference.networking.k8s.io/v1","kind":"InferencePool",)"
                  R"("metadata":{{"name":"pool","namespace":"ns"}},)"
                  R"("spec":{{"selector":{{"matchLabels":{{"app":"{}"}}}},"targetPorts":{},)"
                  R"("endpointPickerRef":{{"name":"epp","port":{{"number":9002}}}}}}}})",
                  app, ports));
}

class KubeSourceTest : public testing::Test {
 protected:
  void start(KubeSourceOptions options = {.name_space = "ns", .pool = "pool"}) {
    source_ = make_kube_source(std::move(options), client_, clock_);
    source_->start([this](PoolContents contents) {
      MutexLock lock(mutex_);
      last_ = std::move(contents);
      changed_.notify_all();
    });
  }
  // The endpoints, once they are these; otherwise what they are after ten seconds.
  std::vector<std::string> endpoints(const std::vector<std::string>& wanted) {
    MutexLock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (names() != wanted) {
      if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) break;
    }
    return names();
  }
  bool wait_for_priority(std::string_view name, std::int32_t priority) {
    MutexLock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (!last_ || !last_->objectives || last_->objectives->priority_of(name) != priority) {
      if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) return false;
    }
    return true;
  }
  bool told() {
    MutexLock lock(mutex_);
    return last_.has_value();
  }

  kube::FakeKubeClient client_;
  SystemClock clock_;

 private:
  std::vector<std::string> names() REQUIRES(mutex_) {
    std::vector<std::string> names;
    if (!last_) return {"nothing was told"};
    for (const routing::Endpoint& endpoint : last_->endpoints) {
      names.push_back(endpoint.name() + "@" + endpoint.authority());
    }
    return names;
  }

  Mutex mutex_;
  CondVar changed_;
  std::optional<PoolContents> last_ GUARDED_BY(mutex_);
  std::unique_ptr<EndpointSource> source_;
};

TEST_F(KubeSourceTest, FollowsPoolAndPods) {
  client_.seed(kPods, pod("a", "llm", "10.0.0.1"));
  client_.seed(kPods, pod("b", "llm", "10.0.0.2", false));
  client_.seed(kPods, pod("c", "other", "10.0.0.3"));
  client_.seed(kPools, pool("llm"));
  start();
  EXPECT_THAT(endpoints({"a-rank-0@10.0.0.1:8000"}), ElementsAre("a-rank-0@10.0.0.1:8000"));
  client_.seed(kPods, pod("b", "llm", "10.0.0.2"));
  EXPECT_THAT(endpoints({"a-rank-0@10.0.0.1:8000", "b-rank-0@10.0.0.2:8000"}),
              ElementsAre("a-rank-0@10.0.0.1:8000", "b-rank-0@10.0.0.2:8000"));
  client_.seed(kPods, pod("a", "llm", "10.0.0.1", false));
  EXPECT_THAT(endpoints({"b-rank-0@10.0.0.2:8000"}), ElementsAre("b-rank-0@10.0.0.2:8000"));
  client_.seed(kPools, pool("llm", R"([{"number":8000},{"number":8001}])"));
  EXPECT_THAT(endpoints({"b-rank-0@10.0.0.2:8000", "b-rank-1@10.0.0.2:8001"}),
              ElementsAre("b-rank-0@10.0.0.2:8000", "b-rank-1@10.0.0.2:8001"));
  client_.seed(kPools, pool("other"));
  EXPECT_THAT(endpoints({"c-rank-0@10.0.0.3:8000"}), ElementsAre("c-rank-0@10.0.0.3:8000"));
  ASSERT_TRUE(client_.remove({}, kPools, {.ns = "ns", .name = "pool"}));
  EXPECT_THAT(endpoints({}), IsEmpty());
}

TEST_F(KubeSourceTest, APoolThatIsMadeLateIsWaitedFor) {
  client_.seed(kPods, pod("a", "llm", "10.0.0.1"));
  start();
  EXPECT_FALSE(told());
  client_.seed(kPools, pool("llm"));
  EXPECT_THAT(endpoints({"a-rank-0@10.0.0.1:8000"}), ElementsAre("a-rank-0@10.0.0.1:8000"));
}

TEST_F(KubeSourceTest, WithASelectorNoPoolIsNeeded) {
  client_.seed(kPods, pod("a", "llm", "10.0.0.1"));
  start({.name_space = "ns",
         .pool = "label-only",
         .selected = routing::InferencePool{.name_space = "ns",
                                            .name = "label-only",
                                            .selector = {{"app", "llm"}},
                                            .target_ports = {9000}}});
  EXPECT_THAT(endpoints({"a-rank-0@10.0.0.1:9000"}), ElementsAre("a-rank-0@10.0.0.1:9000"));
  for (const auto& call : client_.calls()) EXPECT_NE(call.kind, "InferencePool");
}

TEST_F(KubeSourceTest, ObjectivesAreReadOnceTheirCrdExists) {
  client_.seed(kPods, pod("a", "llm", "10.0.0.1"));
  client_.seed(kPools, pool("llm"));
  client_.seed(kObjectives, json(R"({"apiVersion":"llm-d.ai/v1alpha2","kind":"InferenceObjective",
      "metadata":{"name":"chat","namespace":"ns"},
      "spec":{"priority":7,"poolRef":{"name":"pool"}}})"));
  start({.name_space = "ns", .pool = "pool", .crd_check = 20ms});
  EXPECT_THAT(endpoints({"a-rank-0@10.0.0.1:8000"}), ElementsAre("a-rank-0@10.0.0.1:8000"));
  EXPECT_TRUE(wait_for_priority("chat", 0)) << "without its CRD nothing is asked for";
  client_.set_raw("/apis/llm-d.ai/v1alpha2",
                  R"({"kind":"APIResourceList","resources":[{"name":"inferenceobjectives"}]})");
  EXPECT_TRUE(wait_for_priority("chat", 7));
}

}  // namespace
}  // namespace rage::picker
