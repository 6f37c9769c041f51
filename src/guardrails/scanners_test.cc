#include "guardrails/scanners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guardrails/json_scan.h"
#include "guardrails/splits_for_test.h"
#include "guardrails/text_guard.h"
#include "guardrails/text_tokens.h"

namespace rage::guardrails {
namespace {

std::shared_ptr<const Policy> policy_of(const std::string& scanners) {
  auto policy = load_policy("scanners:\n" + scanners);
  EXPECT_TRUE(policy) << policy.error().message;
  return policy ? *policy : std::make_shared<const Policy>();
}

// What is shown of a content; "BLOCKED" for nothing.
std::string shown(const std::string& scanners, std::string_view text) {
  const auto policy = policy_of(scanners);
  Outcome outcome;
  return guard_text(*policy, Reach::kContent, text, outcome).value_or("BLOCKED");
}

struct Case {
  const char* text;
  const char* shown;
};

void expect_shown(const std::string& scanners, const std::vector<Case>& cases) {
  for (const Case& each : cases) EXPECT_EQ(shown(scanners, each.text), each.shown) << scanners;
}

// KAITO's service takes out the first hit of the first pattern and shows the others.
TEST(Scanners, RegexTakesOutEveryHitOfEveryPattern) {
  expect_shown("- {type: regex, patterns: ['\\bAKIA[A-Z0-9]{4}\\b', '(?i)code [0-9]+']}\n",
               {{"AKIA1234 and AKIA5678, Code 42, code 7.",
                 "[REDACTED] and [REDACTED], [REDACTED], [REDACTED]."},
                {"nothing", "nothing"}});
  expect_shown("- {type: regex, patterns: ['a+'], match_type: fullmatch}\n",
               {{"aaa", "[REDACTED]"}, {"aab", "aab"}});
  expect_shown("- {type: regex, patterns: ['ok'], is_blocked: false, action: block}\n",
               {{"this is ok", "this is ok"}, {"this is not", "BLOCKED"}, {"  \n", "  \n"}});
}

// A banned "cat" must not make "[REDACTED]egory" of "category", as in KAITO's service.
TEST(Scanners, BannedWordsAreTakenOutAsWords) {
  const std::string words = "- {type: ban_substrings, substrings: [cat, cat food, 'né']}\n";
  expect_shown(words, {{"Cat, category, concat, cat_x.", "[REDACTED], category, concat, cat_x."},
                       {"cat food and cat foods", "[REDACTED] and [REDACTED] foods"},
                       {"née né", "née [REDACTED]"},
                       {"écat cat", "écat [REDACTED]"}});
  expect_shown(
      "- {type: ban_substrings, substrings: [cat], match_type: str, "
      "case_sensitive: true}\n",
      {{"category Cat", "[REDACTED]egory Cat"}});
  expect_shown("- {type: ban_substrings, substrings: [red, blue], contains_all: true}\n",
               {{"red only", "red only"}, {"red and blue", "[REDACTED] and [REDACTED]"}});
}

TEST(Scanners, InvisibleCharactersGo) {
  expect_shown("- {type: invisible_text}\n",
               {{"a\u200bb\u00adc\ue000d", "abcd"}, {"plain é 例\n", "plain é 例\n"}});
  EXPECT_EQ(shown("- {type: invisible_text, action: block}\n", "a\u200bb"), "BLOCKED");
}

TEST(Scanners, SecretsAreMasked) {
  const std::string all = "- {type: secrets}\n";
  expect_shown(
      all, {{"key AKIAIOSFODNN7EXAMPL1 ok", "key ****** ok"},
            {"ghp_0123456789abcdefghij0123456789abcdef", "******"},
            {"password = \"hunter2hunter2\" and again hunter2hunter2",
             "password = \"******\" and again ******"},
            {"export API_KEY=q8w7e6r5t4y3", "export API_KEY=******"},
            {"password = \"<your password>\", token: \"${TOKEN}\"",
             "password = \"<your password>\", token: \"${TOKEN}\""},
            {"postgres://ann:s3cretpw@db.example.com/x", "postgres://ann:******@db.example.com/x"},
            {"curl -H 'Authorization: Bearer abcdefghijklmnop12345'",
             "curl -H 'Authorization: Bearer ******'"},
            {"id \"d3b07384d113edec49eaa6238ad5ff00\"", "id \"******\""},
            {"not \"aaaaaaaaaaaaaaaaaaaaaaaa\" nor \"12345678901234567890\"",
             "not \"aaaaaaaaaaaaaaaaaaaaaaaa\" nor \"12345678901234567890\""},
            {"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAabcdefghijklmnop\nQ29uZ3Jh=\n"
             "-----END RSA PRIVATE KEY-----\nafter",
             "******\nafter"},
            {"A token is a piece of a word; the password is secret.",
             "A token is a piece of a word; the password is secret."}});
  EXPECT_EQ(shown("- {type: secrets, redact_mode: partial}\n", "AKIAIOSFODNN7EXAMPL1"), "AK..L1");
  EXPECT_EQ(shown("- {type: secrets, redact_mode: hash}\n", "AKIAIOSFODNN7EXAMPL1"),
            "4dc4ced808c33695b0b7ac12c71694fc");
}

// Numbers side by side run together into one that is too long, and pass, in KAITO's service.
TEST(Scanners, SensitiveDataIsNamed) {
  expect_shown(
      "- {type: sensitive}\n",
      {{"Write to ann.b+c@mail.example.org, please.", "Write to <EMAIL>, please."},
       {"Call 555-123-4567 or +44 20 7946 0958.", "Call <PHONE> or <PHONE>."},
       {"(555) 123-4567", "<PHONE>"},
       {"555-123-4567 555-987-6543", "<PHONE> <PHONE>"},
       {"4111 1111 1111 1111 5500-0000-0000-0004", "<CREDIT_CARD> <CREDIT_CARD>"},
       {"card 4111111111111111, not 4111111111111112", "card <CREDIT_CARD>, not 4111111111111112"},
       {"10.0.0.1 and 192.168.1.10 192.168.1.11:80",
        "<IP_ADDRESS> and <IP_ADDRESS> <IP_ADDRESS>:80"},
       {"version 1.2.3, 256.1.1.1, 01.2.3.4, v1.2.3.4",
        "version 1.2.3, 256.1.1.1, 01.2.3.4, v1.2.3.4"},
       {"In 2024 we had 12345 of 5551234567.", "In 2024 we had 12345 of 5551234567."}});
  expect_shown("- {type: sensitive, detectors: [email]}\n",
               {{"a@b.cc 10.0.0.1", "<EMAIL> 10.0.0.1"}});
}

TEST(Scanners, JsonIsCounted) {
  const std::string strict = "- {type: json, repair: false, action: block}\n";
  expect_shown(strict, {{"see {\"a\": 1} and [1]", "see {\"a\": 1} and [1]"},
                        {"{\"a\": \"}\"}", "{\"a\": \"}\"}"},
                        {"{'a': 1}", "BLOCKED"},
                        {"no braces", "no braces"},
                        {"an open { brace", "an open { brace"}});
  expect_shown("- {type: json, required_elements: 1, action: block}\n",
               {{"{'a': True, b: [1 2,],}", "{'a': True, b: [1 2,],}"},
                {"none", "BLOCKED"},
                {"{what is this}", "BLOCKED"}});
  EXPECT_TRUE(is_object("{a: 'b', // why\n c: {}}", Leniency::kMended));
  EXPECT_FALSE(is_object("{a: 'b}", Leniency::kMended));
}

TEST(Scanners, LongAnswersAreCut) {
  expect_shown("- {type: reading_time, max_time: 0.015, truncate: true}\n",
               {{"one two\n three", "one two\n three"}, {"one  two three\tfour", "one two three"}});
  expect_shown("- {type: reading_time, max_time: 0.015}\n", {{"1 2 3 4", "1 2 3 4"}});
  expect_shown("- {type: reading_time, max_time: 0.015, action: block}\n",
               {{"1 2 3 4", "BLOCKED"}});
  expect_shown("- {type: token_limit, limit: 3}\n",
               {{"one two three", "one two three"}, {"one two three four five", "one two three"}});
  expect_shown("- {type: token_limit, limit: 3, action: block}\n",
               {{"one two", "one two"}, {"one two three", "BLOCKED"}});
  EXPECT_EQ(count_tokens("It's 12345, internationally!"), 10U);
}

TEST(Scanners, RunInThePolicysOrder) {
  expect_shown("- {type: sensitive, action: block}\n- {type: regex, patterns: [a]}\n",
               {{"a@b.cc", "BLOCKED"}, {"abc", "[REDACTED]bc"}});
  expect_shown("- {type: regex, patterns: ['@']}\n- {type: sensitive, action: block}\n",
               {{"a@b.cc", "a[REDACTED]b.cc"}});
}

TEST(Scanners, WhatJudgesAnAnswerIsForContentAlone) {
  const auto policy = policy_of("- {type: json, required_elements: 1, action: block}\n");
  Outcome outcome;
  EXPECT_EQ(guard_text(*policy, Reach::kEveryText, "x", outcome), "x");
  EXPECT_EQ(outcome.action, FinalAction::kAllow);
}

TEST(TextGuard, SaysWhatCameOfIt) {
  const auto policy = policy_of("- {type: sensitive}\n- {type: secrets, action: block}\n");
  Outcome outcome;
  (void)guard_text(*policy, Reach::kContent, "fine", outcome);
  EXPECT_EQ(outcome.action, FinalAction::kAllow);
  (void)guard_text(*policy, Reach::kContent, "a@b.cc", outcome);
  EXPECT_EQ(outcome.action, FinalAction::kRedact);
  EXPECT_THAT(outcome.hits, testing::ElementsAre(true, false));
  EXPECT_FALSE(guard_text(*policy, Reach::kContent, std::string(kTextBytesMax + 1, 'a'), outcome));
  EXPECT_EQ(outcome.action, FinalAction::kFailClosed);
}

// The whole point of holding back: however a stream is cut, the client reads what it would have
// read of the whole.
TEST(TextGuard, NoSplitChangesWhatIsShown) {
  const std::string policies[] = {
      "- {type: sensitive}\n",
      "- {type: secrets}\n",
      "- {type: ban_substrings, substrings: [cat, cat food, the, word]}\n",
      "- {type: regex, patterns: ['(?i)bearer\\s+[a-z0-9]{5,}', '\\bsk-\\w+', 'the.*rest']}\n"
      "- {type: secrets, redact_mode: partial}\n- {type: sensitive}\n- {type: invisible_text}\n",
      "- {type: regex, patterns: ['(?:1|12|123)4?5*', '[a-c]+\\b'], match_type: all}\n"
      "- {type: token_limit, limit: 20}\n",
      "- {type: secrets}\n- {type: sensitive, action: block}\n- {type: invisible_text}\n",
  };
  std::mt19937 random(20260127);
  for (const std::string& scanners : policies) {
    const auto policy = policy_of(scanners);
    for (int round = 0; round < 8; ++round) {
      const std::string text = hostile_text(random, 24);
      Outcome whole_outcome;
      TextGuard whole(*policy, Reach::kContent, whole_outcome);
      std::string expected = whole.feed(text);
      expected += whole.finish();
      Outcome outcome;
      TextGuard guard(*policy, Reach::kContent, outcome);
      std::string streamed;
      for (const std::string& piece : cut(text, random, 9)) streamed += guard.feed(piece);
      streamed += guard.finish();
      ASSERT_EQ(streamed, expected) << scanners << "\n" << text;
      ASSERT_EQ(guard.blocked(), whole.blocked());
      // After a block nothing is looked at any more.
      if (!whole.blocked()) {
        ASSERT_EQ(outcome.hits, whole_outcome.hits);
      }
    }
  }
}

// A client that waits for the end of an answer for no reason has no stream.
TEST(TextGuard, HoldsBackNoMoreThanItMust) {
  const auto policy = policy_of(
      "- {type: regex, patterns: ['(?i)bearer\\s+[a-z0-9]{20,}']}\n- {type: secrets}\n"
      "- {type: sensitive}\n");
  Outcome outcome;
  TextGuard guard(*policy, Reach::kContent, outcome);
  std::size_t given = 0;
  std::size_t shown = 0;
  for (const char* piece :
       {"The", " talk", " is", " in", " Ballroom", " F", " at", " 10:30", " am,"}) {
    given += std::string_view(piece).size();
    shown += guard.feed(piece).size();
    EXPECT_LE(given - shown, 9U) << piece;
  }
}

}  // namespace
}  // namespace rage::guardrails
