#include "guardrails/output_guardrails.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace rage::guardrails {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kGood = "scanners: [{type: sensitive}]\n";
constexpr const char* kBetter = "scanners: [{type: sensitive}, {type: secrets, action: block}]\n";

struct OutputGuardrailsTest : testing::Test {
  std::unique_ptr<TemporaryDirectory> directory = *TemporaryDirectory::create("rage-guardrails-");
  std::filesystem::path path = directory->path() / "guardrails.yaml";
  SystemClock clock;

  void write(const std::string& text) const { ASSERT_TRUE(write_file_atomically(path, text)); }
  Result<std::unique_ptr<OutputGuardrails>> open() {
    return OutputGuardrails::create({.enabled = true, .policy = path, .hot_reload = false}, clock);
  }
};

// Turned on without a policy that can be used, nothing would be stopped.
TEST_F(OutputGuardrailsTest, ThereIsNoStartWithoutAGoodPolicy) {
  EXPECT_EQ(open().error().code, ErrorCode::kNotFound);
  write("scanners: [{type: nothing}]");
  const auto bad = open();
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("guardrails.yaml: scanner 1 (nothing)"));
  EXPECT_THAT(OutputGuardrails::create({.enabled = true}, clock).error().message,
              HasSubstr("--guardrails-policy"));
  write(kGood);
  EXPECT_TRUE(open());
}

TEST_F(OutputGuardrailsTest, OffMeansThatTheFileIsNotRead) {
  const auto off = OutputGuardrails::create({.policy = path}, clock);
  ASSERT_TRUE(off);
  EXPECT_EQ((*off)->policy(), nullptr);
  EXPECT_EQ((*off)->describe()["enabled"], false);
  EXPECT_THAT((*off)->render_metrics(),
              HasSubstr("guardrails_active_policy_info{path=\"\",sha256=\"none\","
                        "enabled=\"false\",scanner_count=\"0\"} 1"));
}

TEST_F(OutputGuardrailsTest, AnEditIsTakenUp) {
  write(kGood);
  const auto guardrails = *open();
  const auto before = guardrails->policy();
  guardrails->look();
  EXPECT_EQ(guardrails->policy(), before);
  write(kBetter);
  guardrails->look();
  EXPECT_EQ(guardrails->policy()->scanners.size(), 2U);
  EXPECT_EQ(before->scanners.size(), 1U);  // Replies under way keep theirs.
  const std::string metrics = guardrails->render_metrics();
  EXPECT_THAT(metrics, HasSubstr("guardrails_policy_reload_total{result=\"success\"} 1"));
  EXPECT_THAT(metrics,
              HasSubstr("output_guardrails_policy_load_total{policy_status=\"success\"} 2"));
  EXPECT_THAT(metrics, HasSubstr(guardrails->policy()->sha256));
  EXPECT_THAT(metrics, Not(HasSubstr(before->sha256)));
  EXPECT_THAT(metrics, HasSubstr("scanner_build_total{type=\"sensitive\",status=\"success\"} 2"));
}

// KAITO's service puts an empty policy in force for a bad file, and counts it as success.
TEST_F(OutputGuardrailsTest, ABadOrMissingFileLeavesTheLastGoodPolicyInForce) {
  write(kGood);
  const auto guardrails = *open();
  const std::string good = guardrails->policy()->sha256;
  write("scanners: [{type: regex, patterns: ['(']}]");
  guardrails->look();
  guardrails->look();  // Told once.
  EXPECT_EQ(guardrails->policy()->sha256, good);
  EXPECT_THAT(guardrails->problem(), HasSubstr("scanner 1 (regex)"));
  EXPECT_THAT(guardrails->describe()["problem"].get<std::string>(), HasSubstr("regex"));
  EXPECT_THAT(guardrails->render_metrics(),
              HasSubstr("guardrails_policy_reload_total{result=\"failure\"} 1"));
  EXPECT_THAT(guardrails->render_metrics(),
              HasSubstr("scanner_build_total{type=\"regex\",status=\"failure\"} 1"));
  std::filesystem::remove(path);
  guardrails->look();
  guardrails->look();
  EXPECT_EQ(guardrails->policy()->sha256, good);
  EXPECT_THAT(guardrails->render_metrics(),
              HasSubstr("output_guardrails_policy_load_total{policy_status=\"missing\"} 1"));
  write(kGood);
  guardrails->look();
  EXPECT_EQ(guardrails->problem(), "");
  EXPECT_THAT(guardrails->render_metrics(),
              HasSubstr("guardrails_policy_reload_total{result=\"noop\"} 1"));
}

TEST_F(OutputGuardrailsTest, WhatCameOfRepliesIsCounted) {
  write(kBetter);
  const auto guardrails = *open();
  const auto policy = guardrails->policy();
  guardrails->record(*policy, {}, "");
  guardrails->record(*policy, {.action = FinalAction::kRedact, .hits = {true, false}}, "id");
  guardrails->record(*policy, {.action = FinalAction::kBlock, .hits = {true, true}}, "id");
  guardrails->record(*policy, {.action = FinalAction::kFailClosed}, "id");
  const std::string metrics = guardrails->render_metrics();
  for (const char* line : {
           "ragengine_guardrails_response_actions_total{final_action=\"allow\"} 1",
           "ragengine_guardrails_response_actions_total{final_action=\"redact\"} 1",
           "ragengine_guardrails_response_actions_total{final_action=\"block\"} 1",
           "ragengine_guardrails_response_actions_total{final_action=\"fail_closed\"} 1",
           "output_guardrails_actions_total{action=\"block\"} 1",
           "scanner_hits_total{scanner_type=\"sensitive\",action=\"redact\"} 2",
           "scanner_hits_total{scanner_type=\"secrets\",action=\"block\"} 1",
       }) {
    EXPECT_THAT(metrics, HasSubstr(line));
  }
}

}  // namespace
}  // namespace rage::guardrails
