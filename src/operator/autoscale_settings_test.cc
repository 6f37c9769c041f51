#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/autoscale.h"

namespace rage::op {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

apis::InferenceSet annotated(const apis::StringMap& annotations) {
  apis::InferenceSet set;
  set.meta.annotations[std::string(kAutoProvision)] = "true";
  for (const auto& [key, value] : annotations) {
    const bool own = key.find('/') != std::string::npos;
    set.meta.annotations[own ? key : "scaledobject.kaito.sh/" + key] = value;
  }
  return set;
}

// Manifests written for keda-kaito-scaler must mean the same here.
TEST(ScaleSettings, ReadsKaitosAnnotations) {
  const auto few = parse_scale_settings(annotated({{"threshold", "10"}, {"max-replicas", "5"}}), 0);
  ASSERT_TRUE(few) << few.error().message;
  EXPECT_EQ(few->replicas_min, 1);
  EXPECT_EQ(few->replicas_max, 5);
  EXPECT_EQ(few->metric, "vllm:num_requests_waiting");
  EXPECT_EQ(few->threshold, 10);
  EXPECT_EQ(few->up_window, 0s);
  EXPECT_EQ(few->down_window, 300s);
  EXPECT_EQ(few->idle, 300s);
  const auto all = parse_scale_settings(annotated({{"threshold", "2.5"},
                                                   {"max-replicas", "9"},
                                                   {"min-replicas", "0"},
                                                   {"metricName", "vllm:num_requests_running"},
                                                   {"scaleupcooldown", "60"},
                                                   {"scaledowncooldown", "600"},
                                                   {"rage.dev/idle-seconds", "1800"}}),
                                        0);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->replicas_min, 0);
  EXPECT_EQ(all->metric, "vllm:num_requests_running");
  EXPECT_EQ(all->threshold, 2.5);
  EXPECT_EQ(all->up_window, 60s);
  EXPECT_EQ(all->down_window, 600s);
  EXPECT_EQ(all->idle, 1800s);
}

// nodeCountLimit counts nodes; scaling beyond it would only make replicas that cannot be.
TEST(ScaleSettings, TheNodeCountLimitIsALimitOfReplicas) {
  apis::InferenceSet set = annotated({{"threshold", "10"}});
  set.node_count_limit = 7;
  EXPECT_EQ(parse_scale_settings(set, 0)->replicas_max, 7);
  EXPECT_EQ(parse_scale_settings(set, 2)->replicas_max, 3);
  EXPECT_EQ(parse_scale_settings(set, 9)->replicas_max, 1);
  std::vector<apis::Workspace> children(2);
  EXPECT_EQ(nodes_per_replica(children), 0);
  children[1].status.target_node_count = 2;
  EXPECT_EQ(nodes_per_replica(children), 2);
}

TEST(ScaleSettings, SaysWhatIsWrong) {
  struct Row {
    apis::StringMap annotations;
    const char* message;
  };
  const Row rows[] = {
      {{{"max-replicas", "5"}}, "threshold is missing"},
      {{{"max-replicas", "5"}, {"threshold", "0"}}, "threshold is no such number"},
      {{{"max-replicas", "5"}, {"threshold", "nan"}}, "threshold is no such number"},
      {{{"max-replicas", "5"}, {"threshold", "ten"}}, "threshold is no such number"},
      {{{"threshold", "10"}}, "neither annotation scaledobject.kaito.sh/max-replicas nor"},
      {{{"threshold", "10"}, {"max-replicas", "-1"}}, "max-replicas is \"-1\""},
      {{{"threshold", "10"}, {"max-replicas", "2"}, {"min-replicas", "3"}}, "at least 3"},
      {{{"threshold", "10"}, {"max-replicas", "2"}, {"metricName", "a{b}"}}, "metricName"},
      {{{"threshold", "10"}, {"max-replicas", "2"}, {"scaleupcooldown", "1m"}}, "scaleupcooldown"},
      {{{"threshold", "10"}, {"max-replicas", "2"}, {"rage.dev/idle-seconds", "0"}},
       "rage.dev/idle-seconds is \"0\""},
  };
  for (const Row& row : rows) {
    const auto settings = parse_scale_settings(annotated(row.annotations), 0);
    ASSERT_FALSE(settings) << row.message;
    EXPECT_THAT(settings.error().message, HasSubstr(row.message));
  }
}

TEST(ScaleSettings, OnlyTheExactWordAsksForScaling) {
  apis::InferenceSet set;
  EXPECT_FALSE(wants_autoscaling(set.meta));
  set.meta.annotations[std::string(kAutoProvision)] = "True";
  EXPECT_FALSE(wants_autoscaling(set.meta));
  EXPECT_TRUE(wants_autoscaling(annotated({}).meta));
}

}  // namespace
}  // namespace rage::op
