#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "operator/inference_set_world_for_test.h"

namespace rage::op {
namespace {

using testing::HasSubstr;

World a_world(int replicas, int unavailable, int surge) {
  World world(a_set(replicas));
  world.set.update_strategy.max_unavailable = unavailable;
  world.set.update_strategy.max_surge = surge;
  world.set_config("good-0");
  EXPECT_TRUE(world.settle());
  return world;
}

struct Bounds {
  int replicas;
  int unavailable;
  int surge;
};

class Rollout : public testing::TestWithParam<Bounds> {
 protected:
  World world_ = a_world(GetParam().replicas, GetParam().unavailable, GetParam().surge);
  int least() const { return std::max(GetParam().replicas - GetParam().unavailable, 0); }
  int most() const { return GetParam().replicas + GetParam().surge; }
};

// A new config must reach everyone without fewer replicas serving than was promised.
TEST_P(Rollout, OfAGoodConfigKeepsServing) {
  world_.set_config("good-1");
  ASSERT_TRUE(world_.settle([&] {
    EXPECT_GE(world_.serving(), least());
    EXPECT_LE(static_cast<int>(world_.children.size()), most());
  }));
  EXPECT_EQ(world_.running("good-1"), GetParam().replicas);
  EXPECT_EQ(world_.live(), GetParam().replicas);
  EXPECT_EQ(world_.condition("RolloutProgressing").reason, "RolloutComplete");
}

// A preset is immutable in a Workspace: new ones must come, in the same bounds.
TEST_P(Rollout, OfAnotherModelReplacesWithinTheBounds) {
  const auto before = world_.names();
  world_.set_preset("phi-5");
  ASSERT_TRUE(world_.settle([&] {
    EXPECT_GE(world_.serving(), least());
    EXPECT_LE(static_cast<int>(world_.children.size()), most());
  }));
  EXPECT_EQ(world_.running("phi-5"), GetParam().replicas);
  for (const auto& name : world_.names()) {
    EXPECT_THAT(before, testing::Not(testing::Contains(name)));
  }
}

// A broken template must cost one replica at most, and say so; putting it back must mend it.
TEST_P(Rollout, OfABrokenConfigStopsAtTheFirstAndRollsBack) {
  const auto before = world_.names();
  world_.set_config("bad-1");
  ASSERT_TRUE(world_.settle([&] { EXPECT_GE(world_.serving(), least()); }));
  EXPECT_EQ(world_.running("bad-1"), 1);
  EXPECT_GE(world_.serving(), GetParam().replicas - 1);
  const auto stalled = world_.condition("RolloutProgressing");
  if (GetParam().replicas > 0) {
    EXPECT_EQ(stalled.reason, "RolloutStalled");
    EXPECT_THAT(stalled.message, HasSubstr("ContainerCrashLoopBackOff"));
  }
  world_.set_config("good-0");
  ASSERT_TRUE(world_.settle([&] { EXPECT_GE(world_.serving(), least()); }));
  EXPECT_EQ(world_.serving(), GetParam().replicas);
  EXPECT_EQ(world_.running("good-0"), GetParam().replicas);
  EXPECT_EQ(world_.condition("RolloutProgressing").reason, "RolloutComplete");
  if (GetParam().surge == 0) {
    EXPECT_EQ(world_.names(), before);
  }
}

TEST_P(Rollout, OfABrokenModelStopsAtTheFirstAndRollsBack) {
  world_.set_preset("phi-bad");
  ASSERT_TRUE(world_.settle([&] { EXPECT_GE(world_.serving(), least()); }));
  EXPECT_EQ(world_.running("phi-bad"), 1);
  EXPECT_GE(world_.serving(), GetParam().replicas - 1);
  EXPECT_EQ(world_.condition("RolloutProgressing").reason, "RolloutStalled");
  world_.set_preset("phi-4");
  ASSERT_TRUE(world_.settle([&] { EXPECT_GE(world_.serving(), least()); }));
  EXPECT_EQ(world_.serving(), GetParam().replicas);
  EXPECT_EQ(world_.live(), GetParam().replicas);
}

INSTANTIATE_TEST_SUITE_P(Bounds, Rollout,
                         testing::Values(Bounds{1, 1, 0}, Bounds{1, 0, 1}, Bounds{3, 1, 0},
                                         Bounds{3, 0, 1}, Bounds{3, 2, 0}, Bounds{4, 1, 2},
                                         Bounds{3, 0, 2}, Bounds{2, 2, 2}),
                         [](const auto& test) {
                           return fmt::format("{}replicas{}unavailable{}surge", test.param.replicas,
                                              test.param.unavailable, test.param.surge);
                         });

// What a person and an autoscaler do to a set, in any order.
class Life {
 public:
  explicit Life(unsigned seed) : random_(seed), world_(a_set(2)) {}

  void act() {
    world_.load_steps = pick(1, 3);
    world_.vanish_steps = pick(1, 3);
    switch (pick(0, 6)) {
      case 0:
        world_.scale(pick(0, 5));
        break;
      case 1:
        world_.set_config(fmt::format("good-{}", pick(0, 2)));
        break;
      case 2:
        world_.set_config("bad");
        break;
      case 3:
        world_.set_preset(fmt::format("phi-{}", pick(0, 2)));
        break;
      case 4:
        world_.set_preset("phi-bad");
        break;
      case 5:
        if (!world_.children.empty()) world_.remove(world_.children.begin()->first);
        break;
      default:
        world_.set.update_strategy.max_unavailable = pick(0, 2);
        world_.set.update_strategy.max_surge = pick(0, 2);
    }
  }

  // Some steps, in which each reconcile keeps its promises.
  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      checked_reconcile();
      world_.step();
    }
  }

  void checked_reconcile() {
    const int serving = world_.serving();
    const int created = world_.created;
    world_.reconcile();
    const auto& strategy = world_.set.update_strategy;
    const int unavailable =
        strategy.max_unavailable + strategy.max_surge == 0 ? 1 : strategy.max_unavailable;
    EXPECT_GE(world_.serving(), std::min(serving, world_.set.replicas - unavailable));
    if (world_.created > created) {
      EXPECT_LE(static_cast<int>(world_.children.size()), world_.set.replicas + strategy.max_surge);
    }
  }

  int pick(int low, int high) { return std::uniform_int_distribution<>(low, high)(random_); }
  World& world() { return world_; }

 private:
  std::mt19937 random_;
  World world_;
};

class AnyLife : public testing::TestWithParam<unsigned> {};

// Whatever happens to a set, it must come to rest, and come to what was asked for last.
TEST_P(AnyLife, ComesToRest) {
  Life life(GetParam());
  World& world = life.world();
  for (int i = 0; i < 6; ++i) {
    life.act();
    life.live(life.pick(0, 4));
  }
  ASSERT_TRUE(world.settle()) << "changes without end";
  world.set_config("good-9");
  world.set_preset("phi-9");
  ASSERT_TRUE(world.settle()) << "changes without end";
  EXPECT_EQ(world.live(), world.set.replicas);
  EXPECT_EQ(world.serving(), world.set.replicas);
  EXPECT_EQ(world.running("good-9"), world.set.replicas);
  EXPECT_EQ(world.running("phi-9"), world.set.replicas);
  EXPECT_EQ(codec::number_or(world.set.status, "readyReplicas", -1), world.set.replicas);
  EXPECT_TRUE(apis::is_true(apis::parse_conditions(world.set.status), "InferenceSetReady"));
  world.set.meta.deleting = true;
  for (int i = 0; i < 8 && !world.last.release; ++i) {
    world.reconcile();
    EXPECT_EQ(world.last.release, world.children.empty());
    world.step();
  }
  EXPECT_TRUE(world.last.release);
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnyLife, testing::Range(0U, 40U));

}  // namespace
}  // namespace rage::op
