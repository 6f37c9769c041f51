#include "operator/model_mirror_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json_for_test.h"
#include "operator/detail/model_mirror_job.h"
#include "operator/plan_for_test.h"

namespace rage::op {
namespace {

using codec::json_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kMirrorTime = "2026-01-01T00:10:00Z";

// A mirror in a cluster of the mind: changes are applied, claims bind when told.
struct MirrorWorld {
  Json document = json_of(R"({"apiVersion": "kaito.sh/v1alpha1", "kind": "ModelMirror",
    "metadata": {"name": "m", "uid": "u", "generation": 1, "resourceVersion": "1"},
    "spec": {"source": {"registry": "huggingface", "modelID": "org/Model"},
             "storage": {"size": "10Gi", "storageClassName": "nfs"}, "jobNamespace": "ml"}})");
  ModelMirrorObservation observed;
  Settings settings;
  std::vector<std::string> events;
  int claims = 0;

  apis::ModelMirror mirror() const { return apis::parse_model_mirror(document).value(); }

  Plan step(const char* now = kMirrorTime) {
    Plan plan = plan_model_mirror(mirror(), observed, settings, now);
    for (const Change& change : plan.changes) {
      std::visit([this](const auto& one) { carry_out(one); }, change);
    }
    for (const PlannedEvent& event : plan.events) events.push_back(event.reason);
    if (plan.status.is_object()) document["status"] = plan.status;
    return plan;
  }
  void bind() { observed.claim["status"]["phase"] = "Bound"; }
  void end_job(const char* type) {
    observed.jobs.at(0)["status"]["conditions"] = Json::array(
        {{{"type", type}, {"status", "True"}, {"lastTransitionTime", "2026-01-01T00:09:00Z"}}});
  }
  // Finalizer, claim, job, all of it.
  void download() {
    step();
    step();
    bind();
    end_job("Complete");
    step();
  }
  std::string reason(std::string_view type) const {
    const auto conditions = apis::parse_conditions(document["status"]);
    const auto* found = apis::find_condition(conditions, type);
    return found == nullptr ? "" : found->reason;
  }
  std::string message(std::string_view type) const {
    const auto conditions = apis::parse_conditions(document["status"]);
    const auto* found = apis::find_condition(conditions, type);
    return found == nullptr ? "" : found->message;
  }

 private:
  void carry_out(const CreateObject& change) {
    if (change.type.kind == "Job") {
      observed.jobs.push_back(change.object);
      observed.jobs.back()["metadata"]["uid"] = "job";
    } else {
      observed.claim = change.object;
      observed.claim["metadata"]["uid"] = "claim-" + std::to_string(++claims);
    }
  }
  void carry_out(const DeleteObject& change) {
    if (change.type.kind == "Job") observed.jobs.clear();
    if (change.type.kind == "PersistentVolumeClaim") observed.claim = Json();
  }
  void carry_out(const PatchObject& change) {
    (change.type.kind == "ModelMirror" ? document : observed.claim).merge_patch(change.patch);
  }
  void carry_out(const ApplyObject& /*change*/) { FAIL() << "nothing of a mirror is applied"; }
};

TEST(PlanModelMirror, AStaticOneIsReadyAtOnce) {
  MirrorWorld world;
  world.document["spec"] = {{"mode", "Static"}};
  EXPECT_THAT(kinds_of(world.step()), IsEmpty());
  EXPECT_EQ(world.document["status"]["phase"], "Ready");
  EXPECT_EQ(world.reason("Ready"), "StaticMirror");
  EXPECT_EQ(world.reason("StorageReady"), "StaticMirror");
}

TEST(PlanModelMirror, DownloadsThenIsQuiet) {
  MirrorWorld world;
  EXPECT_THAT(kinds_of(world.step()), ElementsAre("ModelMirror", "PersistentVolumeClaim"));
  EXPECT_EQ(world.observed.claim["metadata"]["name"], "m");
  EXPECT_EQ(world.observed.claim["metadata"]["namespace"], "ml");
  EXPECT_FALSE(world.observed.claim["metadata"].contains("finalizers"));
  // A class that waits for its first pod binds only once the job is there.
  EXPECT_THAT(kinds_of(world.step()), ElementsAre("Job"));
  EXPECT_EQ(world.reason("StorageReady"), "PVCPending");
  world.bind();
  world.observed.progress = DownloadProgress{.bytes_per_second = 5, .remaining_seconds = 7};
  const Plan busy = world.step();
  EXPECT_THAT(kinds_of(busy), IsEmpty());
  EXPECT_EQ(busy.requeue_after, std::chrono::seconds(10));
  EXPECT_EQ(world.message("Ready"), "Model download in progress");
  EXPECT_EQ(world.document["status"]["phase"], "Pending");
  EXPECT_EQ(world.document["status"]["download"],
            json_of(R"({"speedBytesPerSecond": 5, "remainingSeconds": 7})"));
  world.end_job("Complete");
  world.step();
  EXPECT_EQ(world.document["status"]["phase"], "Ready");
  EXPECT_EQ(world.document["status"]["modelPath"], "/models/org/Model");
  EXPECT_EQ(world.document["status"]["lastDownloadTime"], "2026-01-01T00:09:00Z");
  EXPECT_EQ(world.document["status"]["download"]["remainingSeconds"], 0);
  const Json before = world.document;
  world.observed.jobs.clear();  // Its time to live is over.
  const Plan idle = world.step("2026-02-01T00:00:00Z");
  EXPECT_THAT(kinds_of(idle), IsEmpty());
  EXPECT_EQ(world.document, before);
  EXPECT_EQ(idle.requeue_after, std::nullopt);
  EXPECT_THAT(world.events, ElementsAre("DownloadStarted", "DownloadComplete"));
}

// The job runs our image, unprivileged, and needs no network but the hub.
TEST(PlanModelMirror, TheJobPullsWithOurOwnImage) {
  MirrorWorld world;
  world.document["spec"]["source"]["accessSecret"]["name"] = "token";
  world.document["spec"]["serviceAccountName"] = "puller";
  world.step();
  world.step();
  const Json& spec = world.observed.jobs.at(0)["spec"];
  EXPECT_EQ(world.observed.jobs.at(0)["metadata"]["name"], "m-download");
  EXPECT_EQ(spec["backoffLimit"], 3);
  const Json& pod = spec["template"]["spec"];
  const Json& container = pod["containers"][0];
  EXPECT_EQ(container["args"],
            json_of(R"(["model", "pull", "hf://org/Model", "--to", "/models/org/Model",
                      "--progress-address", "0.0.0.0:9100"])"));
  EXPECT_EQ(container["image"], world.settings.rage_image);
  EXPECT_EQ(container["env"][2]["valueFrom"]["secretKeyRef"]["name"], "token");
  EXPECT_EQ(container["resources"]["limits"], json_of(R"({"cpu": "3", "memory": "8Gi"})"));
  EXPECT_EQ(pod["serviceAccountName"], "puller");
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(spec["template"]["metadata"]["labels"]["azure.workload.identity/use"], "true");
  EXPECT_EQ(pod["volumes"][0]["persistentVolumeClaim"]["claimName"], "m");
}

// Pods that mount an empty volume would start a server without weights.
TEST(PlanModelMirror, AVanishedVolumeIsSaidAndFilledAgain) {
  MirrorWorld world;
  world.download();
  world.observed.claim = Json();
  world.step();
  EXPECT_EQ(world.document["status"]["phase"], "Pending");
  EXPECT_EQ(world.reason("Ready"), "PVCLost");
  EXPECT_FALSE(world.document["status"].contains("modelPath"));
  EXPECT_EQ(world.events.back(), "PVCLost");
  // The job that succeeded filled the volume of before.
  EXPECT_THAT(kinds_of(world.step()), ElementsAre("Job"));
  EXPECT_EQ(world.reason("Ready"), "DownloadPending");
  world.step();
  world.bind();
  world.step();
  EXPECT_EQ(world.reason("Ready"), "DownloadInProgress");
  world.end_job("Complete");
  world.step();
  EXPECT_EQ(world.document["status"]["phase"], "Ready");
}

TEST(PlanModelMirror, ALostVolumeIsNotReady) {
  MirrorWorld world;
  world.download();
  world.observed.claim["status"]["phase"] = "Lost";
  world.step();
  EXPECT_EQ(world.reason("Ready"), "PVCLost");
  EXPECT_EQ(world.reason("StorageReady"), "PVCLost");
}

TEST(PlanModelMirror, AFailureSaysWhyAndIsTriedAgainAfterFiveMinutes) {
  MirrorWorld world;
  world.step();
  world.step();
  world.bind();
  world.end_job("Failed");
  world.observed.pods = {json_of(R"({"metadata": {"name": "m-download-x"}, "status": {
    "phase": "Failed", "containerStatuses": [{"name": "downloader", "state": {"terminated": {
      "exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T00:08:00Z",
      "message": "org/Model is gated: accept the licence\n"}}}]}})")};
  const Plan plan = world.step();
  EXPECT_THAT(kinds_of(plan), IsEmpty());
  EXPECT_EQ(plan.requeue_after, std::chrono::minutes(4));
  EXPECT_EQ(world.reason("Ready"), "DownloadFailed");
  EXPECT_EQ(world.document["status"]["failureMessage"], "org/Model is gated: accept the licence");
  world.step();  // Said once.
  EXPECT_THAT(world.events, ElementsAre("DownloadStarted", "DownloadFailed"));
  EXPECT_THAT(kinds_of(world.step("2026-01-01T00:14:00Z")), ElementsAre("Job"));
  EXPECT_THAT(world.observed.jobs, IsEmpty());
  world.observed.pods.clear();
  EXPECT_THAT(kinds_of(world.step("2026-01-01T00:14:00Z")), ElementsAre("Job"));
  world.step();
  EXPECT_FALSE(world.document["status"].contains("failureMessage"));
}

struct FailureRow {
  const char* pod;
  const char* reason;
};

TEST(PlanModelMirror, NamesMemoryAndEviction) {
  for (const FailureRow& row : {
           FailureRow{R"({"metadata": {"name": "p"}, "status": {"phase": "Failed",
               "containerStatuses": [{"name": "downloader", "state": {"terminated":
                   {"exitCode": 137, "reason": "OOMKilled"}}}]}})",
                      "DownloadOOMKilled"},
           FailureRow{R"({"metadata": {"name": "p"}, "status": {"phase": "Failed",
               "reason": "Evicted", "message": "low on memory"}})",
                      "DownloadEvicted"},
       }) {
    MirrorWorld world;
    world.step();
    world.step();
    world.end_job("Failed");
    world.observed.pods = {json_of(row.pod)};
    world.step();
    EXPECT_EQ(world.reason("Ready"), row.reason);
  }
}

// A claim of that name may hold somebody's data: it is neither filled nor deleted.
TEST(PlanModelMirror, LeavesAnotherOnesClaimAlone) {
  MirrorWorld world;
  world.observed.claim = json_of(R"({"metadata": {"name": "m", "namespace": "ml", "uid": "other"},
                                   "status": {"phase": "Bound"}})");
  EXPECT_THAT(kinds_of(world.step()), ElementsAre("ModelMirror"));
  EXPECT_EQ(world.reason("StorageReady"), "PVCCreateFailed");
  EXPECT_THAT(world.message("Ready"), HasSubstr("not this mirror's"));
  world.document["metadata"]["deletionTimestamp"] = kMirrorTime;
  EXPECT_THAT(kinds_of(world.step()), IsEmpty());
}

TEST(PlanModelMirror, SaysWhatASpecLacks) {
  MirrorWorld world;
  world.document["spec"].erase("jobNamespace");
  EXPECT_THAT(kinds_of(world.step()), IsEmpty());
  EXPECT_EQ(world.reason("Ready"), "InvalidSpec");
  EXPECT_THAT(world.message("Ready"), HasSubstr("jobNamespace"));
  world.document["spec"].erase("source");
  world.step();
  EXPECT_THAT(world.message("Ready"), HasSubstr("modelID"));
}

TEST(PlanModelMirror, SaysThatTheStorageClassIsMissing) {
  MirrorWorld world;
  world.observed.storage_class_exists = false;
  world.step();
  world.step();
  EXPECT_THAT(world.message("StorageReady"), HasSubstr("StorageClass nfs does not exist"));
}

// --- Taking over what the original made ----------------------------------------------------------

constexpr const char* kUpstreamClaim = R"({"metadata": {"name": "m", "namespace": "ml",
    "uid": "c", "resourceVersion": "7", "finalizers": ["kaito.sh/model-mirror-protection", "x"]},
    "status": {"phase": "Bound"}})";

TEST(PlanModelMirror, TakesOverAReadyMirrorWithoutDownloading) {
  MirrorWorld world;
  world.document["metadata"]["finalizers"] = {"kaito.sh/model-mirror-cleanup"};
  world.document["status"] = {{"phase", "Ready"}};
  world.observed.claim = json_of(kUpstreamClaim);
  EXPECT_THAT(kinds_of(world.step()), ElementsAre("PersistentVolumeClaim"));
  EXPECT_EQ(world.document["status"]["phase"], "Ready");
  EXPECT_EQ(world.observed.claim["metadata"]["labels"]["kaito.sh/model-mirror-name"], "m");
  EXPECT_THAT(kinds_of(world.step()), IsEmpty());
}

// Two programs that write the same files would ruin both downloads.
TEST(PlanModelMirror, LetsARunningDownloadOfTheOriginalFinish) {
  MirrorWorld world;
  world.document["metadata"]["finalizers"] = {"kaito.sh/model-mirror-cleanup"};
  world.document["status"] = {{"phase", "Pending"}};
  world.observed.claim = json_of(kUpstreamClaim);
  world.observed.jobs = {
      json_of(R"({"metadata": {"name": "m-download-x7k2p", "namespace": "ml"}})")};
  EXPECT_THAT(kinds_of(world.step()), IsEmpty());
  EXPECT_EQ(world.reason("Ready"), "DownloadInProgress");
  world.end_job("Complete");
  world.step();
  EXPECT_EQ(world.document["status"]["phase"], "Ready");
}

// The original's finalizer would keep a namespace from ending as long as the mirror lives.
TEST(PlanModelMirror, LetsADeletedClaimGo) {
  MirrorWorld world;
  world.document["metadata"]["finalizers"] = {"kaito.sh/model-mirror-cleanup"};
  world.observed.claim = json_of(kUpstreamClaim);
  world.observed.claim["metadata"]["deletionTimestamp"] = kMirrorTime;
  world.step();
  EXPECT_EQ(world.observed.claim["metadata"]["finalizers"], json_of(R"(["x"])"));
  EXPECT_EQ(world.reason("Ready"), "PVCLost");
}

// --- Deletion ------------------------------------------------------------------------------------

TEST(PlanModelMirror, DeletionRemovesJobThenClaimAndWaitsForNothing) {
  MirrorWorld world;
  world.step();
  world.step();
  world.document["metadata"]["deletionTimestamp"] = kMirrorTime;
  const Plan plan = world.step();
  EXPECT_THAT(kinds_of(plan), ElementsAre("Job", "PersistentVolumeClaim"));
  EXPECT_TRUE(plan.release);
  EXPECT_TRUE(world.step().release);  // The namespace, and all in it, may be gone already.
}

// --- Progress ------------------------------------------------------------------------------------

TEST(DownloadProgress, IsReadFromMetrics) {
  const auto progress = parse_download_progress(
      "# HELP model_mirror_download_speed_bytes_per_second x\n"
      "model_mirror_download_speed_bytes_per_second 1.5e6\n"
      "model_mirror_download_remaining_seconds -1\n");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->bytes_per_second, 1'500'000);
  EXPECT_EQ(progress->remaining_seconds, -1);
  EXPECT_FALSE(parse_download_progress("model_mirror_download_remaining_seconds nan\n"));
  EXPECT_FALSE(parse_download_progress("<html>"));
}

TEST(DownloadProgress, IsAskedOfARunningPodAlone) {
  EXPECT_EQ(downloading_pod({}), "");
  EXPECT_EQ(
      downloading_pod({json_of(R"({"metadata": {"name": "a"}, "status": {"phase": "Pending"}})"),
                       json_of(R"({"metadata": {"name": "b"}, "status": {"phase": "Running"}})")}),
      "b");
}

}  // namespace
}  // namespace rage::op
