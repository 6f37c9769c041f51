#include "workloads/volume_claim_plan.h"

#include <gmock/gmock.h>

#include "workloads/world_for_test.h"

namespace rage::workloads {
namespace {

class VolumeClaimPlan : public testing::Test {
 protected:
  void claim(const char* spec = R"({"accessModes": ["ReadWriteOnce"],
                                    "resources": {"requests": {"storage": "5Mi"}}})") {
    world.put(kinds().claim, {{"metadata", {{"name", "work"}}}, {"spec", parse(spec)}});
  }
  Json& the_claim() { return world.get(kinds().claim, "work"); }
  Plan pass() {
    const ObjectMeta meta = apis::parse_meta(the_claim());
    std::string name = detail::text_at(the_claim(), {"spec", "volumeName"});
    if (name.empty()) name = volume_name(meta);
    Plan plan = plan_volume_claim(
        {.claim = the_claim(),
         .volume = world.has(kinds().volume, name) ? world.get(kinds().volume, name) : Json(),
         .folder = "/data/volumes",
         .now = world.now});
    world.carry_out(kinds().claim, "work", plan);
    return plan;
  }
  World world;
};

TEST_F(VolumeClaimPlan, AClaimGetsAFolderAndBothAreBound) {
  claim();
  pass();
  const ObjectMeta meta = apis::parse_meta(the_claim());
  const Json& volume = world.get(kinds().volume, "pvc-" + meta.uid);
  EXPECT_EQ(volume["spec"]["hostPath"]["path"], "/data/volumes/pvc-" + meta.uid);
  EXPECT_EQ(volume["spec"]["claimRef"]["uid"], meta.uid);
  EXPECT_EQ(volume["status"]["phase"], "Bound");
  EXPECT_EQ(the_claim()["spec"]["volumeName"], "pvc-" + meta.uid);
  EXPECT_EQ(the_claim()["status"]["phase"], "Bound");
  EXPECT_EQ(the_claim()["status"]["capacity"]["storage"], "5Mi");
  EXPECT_TRUE(pass().changes.empty());
}

TEST_F(VolumeClaimPlan, OneThatNamesAVolumeWaitsForItAndTakesNoOthers) {
  claim(R"({"volumeName": "mine"})");
  EXPECT_EQ(pass().events.at(0).message, "volume \"mine\" does not exist");
  EXPECT_EQ(the_claim()["status"]["phase"], "Pending");
  world.put(kinds().volume, parse(R"({"metadata": {"name": "mine"},
      "spec": {"claimRef": {"name": "other", "namespace": "default"}}})"));
  pass();
  EXPECT_EQ(the_claim()["status"]["phase"], "Pending");
  world.get(kinds().volume, "mine")["spec"].erase("claimRef");
  pass();
  EXPECT_EQ(the_claim()["status"]["phase"], "Bound");
  EXPECT_EQ(world.get(kinds().volume, "mine")["spec"]["claimRef"]["name"], "work");
}

TEST_F(VolumeClaimPlan, ReclaimTable) {
  claim();
  pass();
  const Json ours = world.all(kinds().volume).at(0);
  Json retained = ours;
  retained["spec"]["persistentVolumeReclaimPolicy"] = "Retain";
  Json foreign = ours;
  foreign["metadata"].erase("annotations");
  Json elsewhere = ours;
  elsewhere["spec"]["hostPath"]["path"] = "/home";
  struct Case {
    const char* what;
    Json volume;
    bool claim_exists;
    bool in_use;
    std::size_t changes;
    const char* phase;
  };
  for (const Case& each :
       {Case{"claimed", ours, true, false, 0, ""}, Case{"in use", ours, false, true, 0, "Released"},
        Case{"retained", retained, false, false, 0, "Released"},
        Case{"foreign", foreign, false, false, 0, "Released"},
        Case{"free", ours, false, false, 2, ""},
        // Whatever a path says, only our own folder is ever removed.
        Case{"elsewhere", elsewhere, false, false, 1, ""}}) {
    const Plan plan = plan_volume({.volume = each.volume,
                                   .claim_exists = each.claim_exists,
                                   .in_use = each.in_use,
                                   .folder = "/data/volumes"});
    EXPECT_EQ(plan.changes.size(), each.changes) << each.what;
    EXPECT_EQ(detail::text_at(plan.status, {"phase"}), each.phase) << each.what;
  }
}

}  // namespace
}  // namespace rage::workloads
