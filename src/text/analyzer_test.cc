#include "text/analyzer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace rage::text {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::IsSupersetOf;

TEST(Analyzer, StemsFoldsAndDropsStopWords) {
  EXPECT_THAT(analyze("The Talks are talking of Résumés!"), ElementsAre("talk", "talk", "resum"));
  EXPECT_THAT(analyze("Shopify's monorepo, Shopify’s"),
              ElementsAre("shopifi", "monorepo", "shopifi"));
  EXPECT_THAT(analyze("don't"), ElementsAre("don't"));
  EXPECT_THAT(analyze(""), IsEmpty());
  EXPECT_THAT(analyze(" .,!? \xff\xfe"), IsEmpty());
}

// A verb that only asks would find every text that happens to say it.
TEST(Analyzer, QuestionsAreSearchedForWithoutTheirAuxiliaries) {
  EXPECT_THAT(analyze_question("Where can I park, and could it be free?"),
              ElementsAre("park", "free"));
  EXPECT_THAT(analyze_question("CAN bus"), ElementsAre("can", "bus"));
  EXPECT_THAT(analyze_question("can-opener"), ElementsAre("open", "canopen"));
  EXPECT_THAT(analyze_question("Should could"), ElementsAre("should", "could"));
  EXPECT_THAT(analyze("Where can I park?"), ElementsAre("can", "park"));
}

// "phi4mini", "phi-4-mini" and "phi 4 mini" are typed by different people for one model.
TEST(Analyzer, IdentifiersYieldPartsAndTheJoinedForm) {
  EXPECT_THAT(analyze("phi-4-mini"), ElementsAre("phi", "4", "mini", "phi4mini"));
  EXPECT_THAT(analyze("builtins.wasm: Nix"), ElementsAre("builtin", "wasm", "builtinswasm", "nix"));
  EXPECT_THAT(analyze("at 14:30."), ElementsAre("14", "30", "1430"));
  EXPECT_THAT(analyze("C++ and C# or F#"), ElementsAre("c++", "c#", "f#"));
  EXPECT_THAT(analyze("end. Next"), ElementsAre("end", "next"));
}

// Joined paths would fill the dictionary with words that nobody types.
TEST(Analyzer, LongAddressesAreNotJoined) {
  EXPECT_THAT(analyze("www.socallinuxexpo.org/scale/23x/talks"),
              ElementsAre("www", "socallinuxexpo", "org", "scale", "23x", "talk"));
  EXPECT_THAT(analyze(std::string(500, 'x')), IsEmpty());
}

TEST(Analyzer, ScriptsWithoutSpacesYieldPairs) {
  EXPECT_THAT(analyze("東京都"), ElementsAre("東京", "京都"));
  EXPECT_THAT(analyze("x 京 y1"), ElementsAre("京", "y1"));
  EXPECT_THAT(analyze("Κόσμος ΚΌΣΜΟΣ"), ElementsAre("κοσμοσ", "κοσμοσ"));
  EXPECT_THAT(analyze("Straße ＦＵＬＬ"), ElementsAre("strass", "full"));
}

TEST(Analyzer, Table) {
  struct Case {
    const char* text;
    std::vector<std::string> terms;
  };
  const Case cases[] = {
      {"The running dogs were barking", {"run", "dog", "bark"}},
      {"Cafés, CAFE\u0301 and naïve coöperation", {"cafe", "cafe", "naiv", "cooper"}},
      {"TLS1.3", {"tls1", "tls", "1", "3", "tls13"}},
      {"TLS 1.3", {"tls", "1", "3", "13"}},
      {"h264 x86_64 3f2a9c41", {"h264", "x86", "64", "x8664", "3f2a9c41"}},
      {"Room:305", {"room", "305", "room305"}},
      {"g++, c but a#b; issue #3, 5+5", {"g++", "issu", "3", "5", "5", "55"}},
      {"1,000 items; a,b 3.14", {"1", "000", "1000", "item", "3", "14", "314"}},
      {"we're can't O'Brien's O’Brien", {"can't", "o'brien", "obrien", "o'brien", "obrien"}},
      {"AT&T e-mail snake_case", {"att", "mail", "email", "snake", "case", "snakecas"}},
      {"jane.doe@example.com", {"jane", "doe", "exampl", "com", "janedoeexamplecom"}},
      {"ｆｕｌｌ　Ｗｉｄｔｈ １２", {"full", "width", "12"}},
      {"水 が か\u3099", {"水", "が", "が"}},
      {"ｶﾞｷﾞ か\u3099く", {"ガギ", "がく"}},
      {"한국어 東京Tower東", {"한국", "국어", "東京", "tower", "東"}},
      {"हिन्दी में", {"हिन्दी", "में"}},
      {"العَرَبِيَّةُ שָׁלוֹם Ёлка", {"العربية", "שלום", "елка"}},
      {"ภาษาไทย", {"ภาษา", "ไทย"}},
      {"soft\u00adhyphen zero\u200bwidth", {"softhyphen", "zero", "width"}},
      {"👩‍🚀 — “quoted” …", {"quot"}},
      {" .,;:-_'&+# a b é", {}},
      {"bad\xFF"
       "bytes\xC3",
       {"bad", "byte"}},
  };
  for (const Case& c : cases) EXPECT_THAT(analyze(c.text), ElementsAreArray(c.terms)) << c.text;
}

// Somebody who spells a name without its hyphens must still find it.
TEST(Analyzer, SpellingsMeet) {
  EXPECT_THAT(analyze("phi-4-mini"), IsSupersetOf(analyze("phi4mini")));
  EXPECT_THAT(analyze("phi4-mini"), IsSupersetOf(analyze("phi 4 mini")));
  EXPECT_THAT(analyze("e-mail"), IsSupersetOf(analyze("emails")));
  EXPECT_THAT(analyze("Room 305"), IsSupersetOf(std::vector<std::string>{"room", "305"}));
  EXPECT_THAT(analyze("Room305"), IsSupersetOf(analyze("Room 305")));
}

TEST(Analyzer, IsLinear) {
  std::string text;
  for (int i = 0; i < 30000; ++i) text += "a1-";
  EXPECT_EQ(analyze(text).size(), 30000U);  // One address: no joined form.
  EXPECT_THAT(analyze(std::string(1 << 20, '\'')), IsEmpty());
}

TEST(Analyzer, WorksOnManyThreads) {
  const std::string text = "Running cafés, 東京都 and ภาษาไทย on phi-4-mini";
  const auto expected = analyze(text);
  std::vector<std::vector<std::string>> results(4);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) threads.emplace_back([&] { result = analyze(text); });
  }
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST(Stem, KnowsEnglishOnly) {
  EXPECT_EQ(stem("generously"), "generous");
  EXPECT_EQ(stem("internationalizations"), "internation");  // Too long for the cache.
  EXPECT_EQ(stem("14:30"), "14:30");
  EXPECT_EQ(stem(""), "");
}

TEST(Fold, ComparesNamesWithoutCaseAndAccents) {
  EXPECT_EQ(fold("Noémie Abernathy"), "noemie abernathy");
  EXPECT_EQ(fold("İSTANBUL"), "istanbul");
  EXPECT_EQ(fold("ﬁne Kroah-Hartman"), "fine kroah-hartman");
  EXPECT_EQ(fold("a\xFF"), "a\xEF\xBF\xBD");
  EXPECT_TRUE(is_stop_word("the"));
  EXPECT_FALSE(is_stop_word("room"));
}

}  // namespace
}  // namespace rage::text
