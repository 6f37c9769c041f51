#include "node/pod_worker.h"

#include <gmock/gmock.h>

#include "apis/kinds.h"
#include "base/files.h"
#include "codec/json_for_test.h"
#include "kube/fake_client_for_test.h"

namespace rage::node {
namespace {

using namespace std::chrono_literals;
using codec::json_of;

constexpr auto kPatience = 20s;

// Real processes, and an API server in memory.
class PodWorkerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = *TemporaryDirectory::create("pods");
    ImageTable images{.rage = "/bin/false"};
    images.has_program = [](const std::string&) { return true; };
    around_.emplace(PodSurroundings{.client = client_,
                                    .clock = clock_,
                                    .probes = *probes_,
                                    .events = events_,
                                    .paths = {folder_->path()},
                                    .images = images,
                                    .find = [](auto, const auto&) { return std::nullopt; },
                                    .environment = {{"PATH", "/usr/bin:/bin"}}});
  }

  std::unique_ptr<PodWorker> run(std::string_view policy, std::string_view script) {
    Json pod = json_of(R"({"apiVersion":"v1","kind":"Pod",
        "metadata":{"name":"p","namespace":"d","uid":"u"},"spec":{"containers":[{"name":"c",
        "image":"busybox","command":["/bin/sh","-c"]}]}})");
    pod["spec"]["restartPolicy"] = policy;
    pod["spec"]["terminationGracePeriodSeconds"] = 5;
    pod["spec"]["containers"][0]["args"] = Json::array({script});
    Json seeded = client_.seed(apis::builtin_type("Pod"), std::move(pod));
    return std::make_unique<PodWorker>(*around_, std::move(seeded),
                                       PodFacts{.pod_ip = "127.97.0.2"});
  }

  Json status() { return client_.peek(apis::builtin_type("Pod"), {"d", "p"})["status"]; }

  bool comes(const std::function<bool()>& condition) {
    const auto until = clock_.now() + kPatience;
    while (!condition() && clock_.now() < until) clock_.sleep_for(2ms, {});
    return condition();
  }
  bool phase_becomes(std::string_view phase) {
    return comes([&] {
      const Json now = status();
      return now.is_object() && codec::string_or(now, "phase", "") == phase;
    });
  }

  std::unique_ptr<TemporaryDirectory> folder_;
  SystemClock clock_;
  kube::FakeKubeClient client_;
  std::unique_ptr<net::HttpTransport> transport_ = net::make_http_transport();
  std::unique_ptr<ProbeRunner> probes_ = make_probe_runner(*transport_);
  kube::EventRecorder events_{client_, clock_};
  std::optional<PodSurroundings> around_;
};

// A job's result is what its last words and its exit code say; both must be there.
TEST_F(PodWorkerTest, RunsToItsEndAndKeepsWhatItSaid) {
  const auto worker = run("Never", "echo $RAGE_POD_IP $RAGE_NAMESPACE; exit 3");
  ASSERT_TRUE(phase_becomes("Failed")) << status();
  const Json ended = status()["containerStatuses"][0]["state"]["terminated"];
  EXPECT_EQ(ended["exitCode"], 3);
  EXPECT_EQ(ended["reason"], "Error");
  EXPECT_EQ(*read_file(folder_->path() / "pods/u/logs/c/0.log", 100), "127.97.0.2 d\n");
}

// Deleting a pod lets its program finish what it does, then the object goes for good.
TEST_F(PodWorkerTest, DeletionAsksPolitelyAndRemovesThePod) {
  const auto worker =
      run("Always", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done");
  ASSERT_TRUE(phase_becomes("Running")) << status();
  const auto log = folder_->path() / "pods/u/logs/c/0.log";
  ASSERT_TRUE(comes([&] { return read_file(log, 100).value_or("") == "up\n"; }));
  Json pod = client_.peek(apis::builtin_type("Pod"), {"d", "p"});
  pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z";
  EXPECT_TRUE(worker->update(pod));
  ASSERT_TRUE(comes([&] { return worker->done(); }));
  EXPECT_THAT(*read_file(log, 100), testing::EndsWith("bye\n"));
  EXPECT_TRUE(client_.peek(apis::builtin_type("Pod"), {"d", "p"}).is_null());
}

// When the node leaves, the pod stays declared: the next node starts it.
TEST_F(PodWorkerTest, ANodeThatLeavesEndsTheProcessInTimeAndLeavesThePod) {
  const auto worker = run("Always", "trap '' TERM; while :; do sleep 0.01; done");
  ASSERT_TRUE(phase_becomes("Running")) << status();
  worker->end(PodWorker::Ending::kNodeLeaves, clock_.now() + 20ms);
  ASSERT_TRUE(comes([&] { return worker->done(); }));
  EXPECT_EQ(status()["phase"], "Running");
}

}  // namespace
}  // namespace rage::node
