#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/detail/replica_plan.h"

namespace rage::op::detail {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Replica a_replica(bool ready, bool old_image = false) {
  Replica replica;
  replica.ready = ready;
  replica.old_image = old_image;
  return replica;
}

Replica a_failing_replica() {
  Replica replica = a_replica(false);
  replica.failure = "ImagePullError: no such image";
  return replica;
}

// Scaling down while replicas load must not delete the only one that answers.
TEST(ScaleDown, KeepsTheReadyOne) {
  const std::vector<Replica> live = {a_replica(false), a_replica(true), a_replica(false)};
  EXPECT_THAT(choose_scale_down(live, 1, 2, 0), UnorderedElementsAre(0, 2));
}

TEST(ScaleDown, TakesTheYoungestOfEquals) {
  const std::vector<Replica> live = {a_replica(true), a_replica(true), a_replica(true)};
  EXPECT_THAT(choose_scale_down(live, 2, 1, 0), ElementsAre(2));
  EXPECT_THAT(choose_scale_down(live, 0, 3, 0), ElementsAre(2, 1, 0));
  EXPECT_THAT(choose_scale_down(live, 3, 0, 0), IsEmpty());
}

TEST(ScaleDown, PrefersTheOldImage) {
  const std::vector<Replica> live = {a_replica(true), a_replica(true, true), a_replica(true)};
  EXPECT_THAT(choose_scale_down(live, 2, 1, 0), ElementsAre(1));
}

// The surge replica of an upgrade is not ready yet: neither it nor the one that serves may go.
TEST(ScaleDown, WaitsForTheSurgeReplica) {
  EXPECT_THAT(choose_scale_down({a_replica(true, true), a_replica(false)}, 1, 1, 1), IsEmpty());
  EXPECT_THAT(choose_scale_down({a_replica(true, true), a_replica(true)}, 1, 1, 1), ElementsAre(0));
}

// Deleting a surge replica that fails would only make the next one.
TEST(ScaleDown, KeepsAFailingSurgeReplicaOfAnUpgrade) {
  EXPECT_THAT(choose_scale_down({a_replica(true, true), a_failing_replica()}, 1, 1, 1), IsEmpty());
}

// A replica that cannot be scheduled must go when the set is scaled back, old ones around or not.
TEST(ScaleDown, DropsWhatNeverBecameReadyWithoutASurge) {
  EXPECT_THAT(choose_scale_down({a_replica(true, true), a_replica(false)}, 1, 1, 0),
              ElementsAre(1));
}

TEST(ScaleDown, DropsFailingOnesFirst) {
  EXPECT_THAT(choose_scale_down({a_failing_replica(), a_replica(false), a_replica(true)}, 2, 1, 0),
              ElementsAre(0));
}

}  // namespace
}  // namespace rage::op::detail
