#include "operator/detail/model_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::op::detail {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const apis::ObjectKey kFirst{.ns = "a", .name = "first"};
const apis::ObjectKey kSecond{.ns = "b", .name = "second"};
const std::string kTableCommit(40, 'c');
constexpr SteadyTime kStart = SteadyTime(1000h);

ModelQuestion about(std::string model, std::string secret = "") {
  ModelQuestion question{.model = std::move(model)};
  if (!secret.empty()) question.secret = {.ns = "a", .name = std::move(secret)};
  return question;
}

HubModel described(const std::string& id) {
  HubModel found{.model = {}, .commit = kTableCommit};
  found.model.id = id;
  return found;
}

ModelAnswer refused(ErrorCode code = ErrorCode::kPermissionDenied) {
  return fail(code, "refused");
}

class ModelTableTest : public testing::Test {
 protected:
  ErrorCode code_of(const ModelQuestion& question, SteadyTime now) {
    const auto answer = table_.find(question, kFirst, now);
    return answer ? ErrorCode::kAlreadyExists : answer.error().code;
  }
  ModelTable table_{{}};
};

TEST_F(ModelTableTest, AsksOnceAndWakesEverybodyWhoWaits) {
  const ModelQuestion question = about("org/model");
  const auto answer = table_.find(question, kFirst, kStart);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message, HasSubstr("is being looked up at https://huggingface.co"));
  EXPECT_FALSE(table_.find(question, kSecond, kStart));
  EXPECT_EQ(table_.next(), question);
  EXPECT_EQ(table_.next(), std::nullopt);
  EXPECT_FALSE(table_.find(question, kFirst, kStart));  // While it is being asked.
  EXPECT_EQ(table_.queued(), 0U);
  EXPECT_THAT(table_.settle(question, "", described("org/model"), kStart),
              ElementsAre(kFirst, kSecond));
  EXPECT_EQ(table_.find(question, kFirst, kStart + 1h)->model.id, "org/model");
  EXPECT_EQ(table_.queued(), 0U);
}

// The hub does not mind the case, and a pinned Workspace asks for the commit it was told.
TEST_F(ModelTableTest, KnowsTheSameModelByOtherNames) {
  (void)table_.settle(about("org/model"), "", described("org/model"), kStart);
  EXPECT_TRUE(table_.find(about("Org/Model"), kFirst, kStart));
  ModelQuestion pinned = about("org/model");
  pinned.revision = kTableCommit;
  EXPECT_TRUE(table_.find(pinned, kFirst, kStart));
  pinned.revision = std::string(40, 'd');
  EXPECT_FALSE(table_.find(pinned, kFirst, kStart));
}

// The original kept one answer for all: whoever asked after an authorised user got it as well.
TEST_F(ModelTableTest, AnAuthorisedAnswerIsNotShownToOthers) {
  const ModelQuestion with_token = about("org/gated", "hf");
  (void)table_.settle(with_token, "hash-1", described("org/gated"), kStart);
  EXPECT_TRUE(table_.find(with_token, kFirst, kStart));
  EXPECT_FALSE(table_.find(about("org/gated"), kFirst, kStart));
  EXPECT_FALSE(table_.find(about("org/gated", "other"), kFirst, kStart));
  // The same Secret with another token is another credential.
  (void)table_.settle(with_token, "hash-2", refused(), kStart);
  EXPECT_FALSE(table_.find(with_token, kFirst, kStart));
  // Two Secrets that hold the same token share what it was told.
  EXPECT_TRUE(table_.has_fresh(about("org/gated", "other"), "hash-1", kStart));
  (void)table_.settle(about("org/gated", "other"), "hash-1", std::nullopt, kStart);
  EXPECT_TRUE(table_.find(about("org/gated", "other"), kFirst, kStart));
}

// A token that is replaced must be noticed, without asking the hub each time.
TEST_F(ModelTableTest, ReadsTheSecretAgainAfterAWhile) {
  const ModelQuestion question = about("org/gated", "hf");
  (void)table_.settle(question, "hash-1", described("org/gated"), kStart);
  EXPECT_TRUE(table_.find(question, kFirst, kStart + 9min));
  EXPECT_EQ(table_.queued(), 0U);
  EXPECT_TRUE(table_.find(question, kFirst, kStart + 11min));  // Answered all the same.
  EXPECT_EQ(table_.queued(), 1U);
}

// A hub that is down must not be asked by every reconcile, nor be forgotten.
TEST_F(ModelTableTest, FailuresAreRepeatedWithBackOff) {
  const ModelQuestion question = about("org/model");
  SteadyTime now = kStart;
  for (const auto wait : {30s, 60s, 120s, 240s, 480s, 960s, 1800s, 1800s}) {
    (void)table_.find(question, kFirst, now);
    ASSERT_EQ(table_.next(), question);
    (void)table_.settle(question, "", refused(), now);
    EXPECT_EQ(table_.find(question, kFirst, now).error().retry_after, wait);
    EXPECT_EQ(table_.queued(), 0U);
    now += wait;
  }
  (void)table_.settle(question, "", described("org/model"), now);
  EXPECT_TRUE(table_.find(question, kFirst, now));
}

// A model that serves must not lose its facts because the hub has an hour off.
TEST_F(ModelTableTest, AHubThatIsAwayTakesNothingBack) {
  const ModelQuestion question = about("org/model");
  (void)table_.settle(question, "", described("org/model"), kStart);
  const SteadyTime later = kStart + 25h;
  EXPECT_TRUE(table_.find(question, kFirst, later));
  EXPECT_EQ(table_.next(), question);
  (void)table_.settle(question, "", refused(ErrorCode::kUnavailable), later);
  EXPECT_TRUE(table_.find(question, kFirst, later));
  (void)table_.settle(question, "", refused(ErrorCode::kNotFound), later);
  EXPECT_EQ(code_of(question, later), ErrorCode::kNotFound);
}

TEST(ModelTable, HasALimitOnEverything) {
  ModelTable table({.queue_max = 2, .answers_max = 3});
  for (int i = 0; i < 10; ++i) {
    (void)table.find(about("org/m" + std::to_string(i)), kFirst, kStart);
  }
  EXPECT_EQ(table.queued(), 2U);
  for (int i = 0; i < 10; ++i) {
    (void)table.settle(about("org/m" + std::to_string(i)), "", described("x"), kStart + i * 1s);
  }
  int kept = 0;
  for (int i = 0; i < 10; ++i) {
    kept += table.has_fresh(about("org/m" + std::to_string(i)), "", kStart) ? 1 : 0;
  }
  EXPECT_LE(kept, 3);
}

}  // namespace
}  // namespace rage::op::detail
