#include "operator/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apis/kinds.h"
#include "kube/fake_client_for_test.h"
#include "kube/manual_clock_for_test.h"

namespace rage::op {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kFinalizer = "workspace.finalizer.kaito.sh";

class CarryOutTest : public ::testing::Test {
 protected:
  CarryOutTest() {
    document_ = object_of(type_, {.ns = "ns", .name = "ws"});
    document_["metadata"]["finalizers"] = {"other", kFinalizer};
    document_["status"] = {{"state", "Pending"}};
    document_ = client_.seed(type_, document_);
  }

  Result<kube::Outcome> run(Plan plan) {
    return carry_out(Context{}, hands_, type_, document_, kFinalizer, std::move(plan));
  }
  std::vector<std::string> writes() const {
    std::vector<std::string> found;
    for (const auto& call : client_.calls()) found.push_back(call.verb + " " + call.kind);
    return found;
  }
  Json config_map(const std::string& name) const {
    return object_of(apis::builtin_type("ConfigMap"), {.ns = "ns", .name = name});
  }

  const ResourceType& type_ = apis::workspace_type();
  kube::FakeKubeClient client_;
  kube::ManualClock clock_;
  kube::EventRecorder events_{client_, clock_};
  Hands hands_{.client = client_, .events = events_, .clock = clock_, .informers = {}};
  Json document_;
};

// An idle operator must be idle: a write wakes every watcher, us included.
TEST_F(CarryOutTest, NothingPlannedWritesNothing) {
  Plan plan;
  plan.status = document_["status"];
  plan.requeue_after = std::chrono::seconds(2);
  const auto outcome = run(plan);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->requeue_after, std::chrono::seconds(2));
  EXPECT_TRUE(writes().empty());
}

TEST_F(CarryOutTest, ChangesComeInOrderThenTheStatus) {
  Plan plan;
  plan.changes = {
      ApplyObject{apis::builtin_type("ConfigMap"), config_map("a")},
      CreateObject{apis::builtin_type("ConfigMap"), config_map("b")},
      DeleteObject{.type = apis::builtin_type("ConfigMap"), .key = {.ns = "ns", .name = "a"}}};
  plan.status = {{"state", "Ready"}};
  ASSERT_TRUE(run(plan));
  EXPECT_THAT(writes(), ElementsAre("apply ConfigMap", "create ConfigMap", "remove ConfigMap",
                                    "patch/status Workspace"));
  EXPECT_EQ(client_.peek(type_, {.ns = "ns", .name = "ws"})["status"]["state"], "Ready");
}

// A retry after a crash creates what is there already; that is no failure.
TEST_F(CarryOutTest, CreatingWhatIsThereIsFine) {
  client_.seed(apis::builtin_type("ConfigMap"), config_map("a"));
  Plan plan;
  plan.changes = {CreateObject{apis::builtin_type("ConfigMap"), config_map("a")}};
  EXPECT_TRUE(run(plan));
}

// A person who looks at a stuck object must read why it is stuck.
TEST_F(CarryOutTest, AFailureStopsThePlanAndIsToldInTheStatus) {
  client_.intercept([](const kube::FakeKubeClient::Call& call) -> Result<void> {
    if (call.verb == "apply") return fail(ErrorCode::kPermissionDenied, "quota exceeded");
    return {};
  });
  Plan plan;
  plan.changes = {ApplyObject{apis::builtin_type("ConfigMap"), config_map("a")},
                  CreateObject{apis::builtin_type("ConfigMap"), config_map("b")}};
  plan.status["conditions"] =
      Json::array({{{"type", "Good"}, {"status", "True"}, {"message", "fine"}},
                   {{"type", "Bad"}, {"status", "False"}, {"message", "waiting"}}});
  plan.release = true;
  const auto outcome = run(plan);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("applying ConfigMap ns/a: quota exceeded"));
  const Json stored = client_.peek(type_, {.ns = "ns", .name = "ws"});
  EXPECT_EQ(stored["status"]["conditions"][0]["message"], "fine");
  EXPECT_THAT(stored["status"]["conditions"][1]["message"].get<std::string>(),
              HasSubstr("waiting (last reconcile error: applying ConfigMap ns/a: quota"));
  EXPECT_TRUE(client_.peek(apis::builtin_type("ConfigMap"), {.ns = "ns", .name = "b"}).is_null());
  EXPECT_EQ(stored["metadata"]["finalizers"].size(), 2U);
}

TEST_F(CarryOutTest, ReleaseDropsOurFinalizerAndNoOther) {
  Plan plan;
  plan.release = true;
  ASSERT_TRUE(run(plan));
  const Json stored = client_.peek(type_, {.ns = "ns", .name = "ws"});
  EXPECT_EQ(stored["metadata"]["finalizers"], Json::array({"other"}));
}

TEST(AddError, SaysItOnce) {
  Json status;
  status["conditions"] = Json::array({{{"status", "False"}, {"message", "a"}}});
  add_error(status, {.code = ErrorCode::kUnavailable, .message = "gone"});
  const Json once = status;
  add_error(status, {.code = ErrorCode::kUnavailable, .message = "gone"});
  EXPECT_EQ(status, once);
}

}  // namespace
}  // namespace rage::op
