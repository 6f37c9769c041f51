#include "kube/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <latch>
#include <map>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>

#include "apis/kinds.h"
#include "base/mutex.h"
#include "kube/fake_client_for_test.h"
#include "kube/manual_clock_for_test.h"

namespace rage::kube {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const ObjectKey kA{.ns = "n", .name = "a"};
const ObjectKey kB{.ns = "n", .name = "b"};

// Does what the test says, and lets it wait for it.
class ScriptedReconciler final : public Reconciler {
 public:
  using Script = std::function<Result<Outcome>(const Context&, const ObjectKey&, int nth)>;
  explicit ScriptedReconciler(Script script) : script_(std::move(script)) {}

  Result<Outcome> reconcile(const Context& context, const ObjectKey& key) override {
    int nth = 0;
    {
      MutexLock lock(mutex_);
      nth = ++seen_[key];
      changed_.notify_all();
    }
    return script_(context, key, nth);
  }
  void wait_for(const ObjectKey& key, int times) {
    MutexLock lock(mutex_);
    while (seen_[key] < times) changed_.wait(mutex_);
  }
  int seen(const ObjectKey& key) {
    MutexLock lock(mutex_);
    return seen_[key];
  }

 private:
  const Script script_;
  Mutex mutex_;
  CondVar changed_;
  std::map<ObjectKey, int> seen_ GUARDED_BY(mutex_);
};

struct Fixture {
  explicit Fixture(ScriptedReconciler::Script script, int workers = 2)
      : reconciler(std::move(script)),
        controller(reconciler, clock, metrics, {.name = "workspace", .workers = workers}) {}

  ManualClock clock;
  obs::MetricRegistry metrics;
  ScriptedReconciler reconciler;
  Controller controller;
};

TEST(Controller, RetriesErrorsWithBackOffUntilOneSucceeds) {
  Fixture f([](const Context&, const ObjectKey&, int nth) -> Result<Outcome> {
    if (nth == 2) throw std::runtime_error("bug");
    if (nth < 4) return fail(ErrorCode::kUnavailable, "away");
    return Outcome::done();
  });
  f.controller.start();
  f.controller.enqueue(kA);
  for (const auto delay : {5ms, 10ms, 20ms}) {
    f.clock.wait_for_sleepers(1);
    EXPECT_EQ(f.clock.until_next_wake(), delay);
    f.clock.advance(delay);
    f.reconciler.wait_for(kA, delay == 5ms ? 2 : delay == 10ms ? 3 : 4);
  }
  f.controller.drain(5s);
  EXPECT_EQ(f.controller.reconciles(), 4U);
  const std::string text = f.metrics.render();
  for (const char* line :
       {R"(controller_runtime_reconcile_total{controller="workspace",result="error"} 3)",
        R"(controller_runtime_reconcile_total{controller="workspace",result="success"} 1)",
        R"(controller_runtime_reconcile_total{controller="workspace",result="requeue"} 0)",
        R"(controller_runtime_reconcile_errors_total{controller="workspace"} 3)",
        R"(controller_runtime_active_workers{controller="workspace"} 0)",
        R"(controller_runtime_max_concurrent_reconciles{controller="workspace"} 2)",
        R"(controller_runtime_reconcile_time_seconds_count{controller="workspace"} 4)",
        R"(workqueue_retries_total{name="workspace"} 3)"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Controller, WaitsAsLongAsTheOutcomeOrTheServerSays) {
  Fixture f([](const Context&, const ObjectKey&, int nth) -> Result<Outcome> {
    if (nth == 1) return Outcome::after(30s);
    if (nth == 2) return Outcome::after(0ms);
    if (nth == 3) {
      return fail(
          Error{.code = ErrorCode::kResourceExhausted, .message = "slow down", .retry_after = 7s});
    }
    return Outcome::done();
  });
  f.controller.start();
  f.controller.enqueue(kA);
  int nth = 1;
  for (const auto delay : std::initializer_list<std::chrono::milliseconds>{30s, 5ms, 7s}) {
    f.clock.wait_for_sleepers(1);
    EXPECT_EQ(f.clock.until_next_wake(), delay);
    f.clock.advance(delay);
    f.reconciler.wait_for(kA, ++nth);
  }
  f.controller.drain(5s);
  const std::string text = f.metrics.render();
  EXPECT_THAT(text, HasSubstr(R"(result="requeue_after"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(result="requeue"} 1)"));
}

// A stuck object must not hold up the others.
TEST(Controller, ReconcilesOtherKeysBesideAStuckOne) {
  std::binary_semaphore gate(0);
  Fixture f([&](const Context&, const ObjectKey& key, int) -> Result<Outcome> {
    if (key == kA) gate.acquire();
    return Outcome::done();
  });
  f.controller.start();
  f.controller.enqueue(kA);
  f.reconciler.wait_for(kA, 1);
  f.controller.enqueue(kA);
  f.controller.enqueue(kB);
  f.reconciler.wait_for(kB, 1);
  EXPECT_EQ(f.reconciler.seen(kA), 1);
  gate.release();
  f.reconciler.wait_for(kA, 2);
  gate.release();
}

// A reconcile cut in two at every deploy would leave half its work to the next leader.
TEST(Controller, DrainLetsARunningReconcileEnd) {
  std::binary_semaphore gate(0);
  Fixture f(
      [&](const Context& context, const ObjectKey&, int) -> Result<Outcome> {
        gate.acquire();
        EXPECT_FALSE(context.stop.stop_requested());
        return Outcome::done();
      },
      1);
  f.controller.start();
  f.controller.enqueue(kA);
  f.reconciler.wait_for(kA, 1);
  f.controller.enqueue(kB);  // Not begun any more.
  std::jthread releaser([&] { gate.release(); });
  f.controller.drain(5s);
  f.controller.drain(5s);
  EXPECT_EQ(f.controller.reconciles(), 1U);
  EXPECT_EQ(f.reconciler.seen(kB), 0);
}

TEST(Controller, DrainCancelsPastItsLimit) {
  Fixture f([](const Context& context, const ObjectKey&, int) -> Result<Outcome> {
    std::latch stopped(1);
    std::stop_callback on_stop(context.stop, [&] { stopped.count_down(); });
    stopped.wait();
    return fail(ErrorCode::kCancelled, "stopped");
  });
  f.controller.start();
  f.controller.enqueue(kA);
  f.reconciler.wait_for(kA, 1);
  f.controller.drain(1ms);
  EXPECT_THAT(f.metrics.render(), HasSubstr(R"(result="error"} 0)"));
}

TEST(Controller, NeverStartsAfterADrain) {
  Fixture f([](const Context&, const ObjectKey&, int) -> Result<Outcome> { return Outcome(); });
  f.controller.drain(0ms);
  f.controller.start();
  f.controller.enqueue(kA);
  f.controller.drain(0ms);
  EXPECT_EQ(f.controller.reconciles(), 0U);
}

Json owned(std::string_view api_version, std::string_view kind, bool controller) {
  return {{"metadata",
           {{"name", "child"},
            {"namespace", "n"},
            {"ownerReferences", Json::array({{{"apiVersion", api_version},
                                              {"kind", kind},
                                              {"name", "a"},
                                              {"uid", "u"},
                                              {"controller", controller}}})}}}};
}

TEST(ToController, FollowsTheControllerOfItsGroupInAnyVersion) {
  const KeyMapper mapper = to_controller(apis::workspace_type());
  EXPECT_THAT(mapper(Object(owned("kaito.sh/v1beta1", "Workspace", true))),
              testing::ElementsAre(kA));
  EXPECT_THAT(mapper(Object(owned("kaito.sh/v1alpha1", "Workspace", true))),
              testing::ElementsAre(kA));
  EXPECT_THAT(mapper(Object(owned("kaito.sh/v1beta1", "Workspace", false))), testing::IsEmpty());
  EXPECT_THAT(mapper(Object(owned("other.sh/v1beta1", "Workspace", true))), testing::IsEmpty());
  EXPECT_THAT(mapper(Object(owned("kaito.sh/v1beta1", "RAGEngine", true))), testing::IsEmpty());
  EXPECT_THAT(to_controller(apis::model_mirror_type())(
                  Object(owned("kaito.sh/v1alpha1", "ModelMirror", true))),
              testing::ElementsAre(ObjectKey{.ns = "", .name = "a"}));
}

// From a write to the API server to the reconcile of its owner; and the informer outlives it all.
TEST(Controller, HearsOfChangesThroughInformers) {
  FakeKubeClient client;
  ManualClock clock;
  Informer workspaces(client, clock, apis::workspace_type());
  Informer services(client, clock, apis::builtin_type("Service"));
  {
    Fixture f([](const Context&, const ObjectKey&, int) -> Result<Outcome> { return Outcome(); });
    f.controller.watch(workspaces);
    f.controller.watch(services, to_controller(apis::workspace_type()));
    f.controller.start();
    workspaces.start();
    services.start();
    client.seed(apis::workspace_type(), {{"metadata", {{"name", "b"}, {"namespace", "n"}}}});
    f.reconciler.wait_for(kB, 1);
    client.seed(apis::builtin_type("Service"), owned("kaito.sh/v1beta1", "Workspace", true));
    f.reconciler.wait_for(kA, 1);
  }
  ASSERT_TRUE(client.remove({}, apis::workspace_type(), kB));
  workspaces.stop();
  services.stop();
}

}  // namespace
}  // namespace rage::kube
