#include "guardrails/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guardrails/scanners.h"

namespace rage::guardrails {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

PolicyRules parsed(std::string_view yaml) {
  auto policy = parse_policy(yaml);
  EXPECT_TRUE(policy) << policy.error().message;
  return policy ? *std::move(policy) : PolicyRules{};
}

std::string problem(std::string_view yaml) {
  const auto policy = load_policy(yaml);
  return policy ? "" : policy.error().message;
}

TEST(Policy, DefaultsAreKaitos) {
  const PolicyRules policy = parsed(R"(
scanners:
  - type: regex
    patterns: [a, '', 5]
  - type: ban-substrings
    substrings: [b]
  - type: invisibleText
  - type: secrets
  - type: sensitive
  - type: json
    action: block
  - type: reading_time
    maxTime: 0.5
    truncate: true
  - type: token_limit
)");
  ASSERT_EQ(policy.scanners.size(), 8U);
  EXPECT_EQ(policy.block_message, kBlockMessage);
  EXPECT_THAT(policy.warnings, IsEmpty());
  EXPECT_EQ(policy.scanners[0].action, Action::kRedact);
  const auto& regex = std::get<RegexRules>(policy.scanners[0].rules);
  EXPECT_THAT(regex.patterns, ElementsAre("a"));
  EXPECT_TRUE(regex.is_blocked);
  const auto& banned = std::get<SubstringRules>(policy.scanners[1].rules);
  EXPECT_EQ(banned.match, SubstringRules::Match::kWord);
  EXPECT_FALSE(banned.case_sensitive);
  EXPECT_EQ(policy.scanners[2].type, "invisible_text");
  EXPECT_EQ(std::get<SecretRules>(policy.scanners[3].rules).style, SecretStyle::kAll);
  EXPECT_EQ(std::get<SensitiveRules>(policy.scanners[4].rules).detectors.size(), 4U);
  EXPECT_TRUE(std::get<JsonRules>(policy.scanners[5].rules).repair);
  EXPECT_EQ(std::get<ReadingTimeRules>(policy.scanners[6].rules).minutes_max, 0.5);
  EXPECT_EQ(std::get<TokenRules>(policy.scanners[7].rules).limit, 4096U);
}

TEST(Policy, AScannersActionWinsOverThePolicys) {
  const PolicyRules policy = parsed(
      "action: BLOCK\nblockMessage: No.\nscanners:\n- type: secrets\n- {type: secrets, "
      "action: Redact, redactMode: partial}\n");
  EXPECT_EQ(policy.block_message, "No.");
  EXPECT_EQ(policy.scanners[0].action, Action::kBlock);
  EXPECT_EQ(policy.scanners[1].action, Action::kRedact);
  EXPECT_EQ(std::get<SecretRules>(policy.scanners[1].rules).style, SecretStyle::kPartial);
}

TEST(Policy, ReadsOnWhereTheDefaultIsSafe) {
  const PolicyRules policy = parsed(
      "action: forbid\nblockMessage: ''\nextra: 1\nscanners:\n- {type: secrets, colour: red}\n");
  EXPECT_THAT(policy.warnings,
              ElementsAre(HasSubstr("action"), HasSubstr("blockMessage"), HasSubstr("colour")));
  EXPECT_THAT(parsed("scanners:").scanners, IsEmpty());
  EXPECT_THAT(parsed("{}").scanners, IsEmpty());
  EXPECT_THAT(parsed("scanners: [{type: reading_time, max_time: 1}]").warnings,
              ElementsAre(HasSubstr("use action: block")));
}

// A scanner that is left out lets through what it was to stop (KAITO's service leaves it out).
TEST(Policy, AScannerThatCannotBeUnderstoodIsAnError) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "no mapping"},
      {"[]", "no mapping"},
      {"a: [", "YAML"},
      {"scanners: 5", "must be a list"},
      {"scanners: [5]", "no mapping"},
      {"scanners: [{type: JSON}]", "'j_s_o_n'"},
      {"scanners: [{type: ''}]", "no type"},
      {"scanners: [{type: secrets, action: forbid}]", "action must be"},
      {"scanners: [{type: secrets, redact_mode: some}]", "all or partial or hash"},
      {"scanners: [{type: regex}]", "patterns"},
      {"scanners: [{type: regex, patterns: ['(']}]", "regular expression of RE2"},
      {"scanners: [{type: regex, patterns: ['(?<=a)b']}]", "no look-around"},
      {"scanners: [{type: regex, patterns: [a], match_type: first}]", "match_type"},
      {"scanners: [{type: regex, patterns: [a], is_blocked: 'no'}]", "is_blocked"},
      {"scanners: [{type: ban_substrings, substrings: []}]", "substrings"},
      {"scanners: [{type: ban_substrings, substrings: [a], case_sensitive: 1}]", "case_sensitive"},
      {"scanners: [{type: invisible_text, depth: 1}]", "takes no parameters"},
      {"scanners: [{type: sensitive, detectors: []}]", "detectors"},
      {"scanners: [{type: sensitive, detectors: [email, iban]}]", "iban"},
      {"scanners: [{type: json, required_elements: -1}]", "required_elements"},
      {"scanners: [{type: json, required_elements: true}]", "required_elements"},
      {"scanners: [{type: reading_time}]", "max_time"},
      {"scanners: [{type: token_limit, limit: 0}]", "limit"},
  };
  for (const auto& [yaml, what] : cases) EXPECT_THAT(problem(yaml), HasSubstr(what)) << yaml;
  EXPECT_THAT(problem("scanners: [{type: secrets}, {type: x}, {type: z}]"),
              testing::AllOf(HasSubstr("scanner 2 (x)"), HasSubstr("scanner 3 (z)")));
}

}  // namespace
}  // namespace rage::guardrails
