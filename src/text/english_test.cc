#include "text/english.h"

#include <gtest/gtest.h>

#include <string>

#include "text/detail/english_words.h"

namespace rage::text {
namespace {

// A question about Jenkins must not be answered with some other pipeline because the asker wrote
// "jenkins": what no dictionary has in small letters is a name.
TEST(English, KnowsWordsFormsAndCompoundsButNoNames) {
  for (const char* word :
       {"a", "zygotes", "laptop", "colour", "rebooting", "orchestrator", "sandstorms", "couldve"})
    EXPECT_TRUE(is_english_word(word)) << word;
  for (const char* word :
       {"", "jenkins", "nagios", "restic", "systemd", "nftables", "kubernetes", "zzz", "日本"})
    EXPECT_FALSE(is_english_word(word)) << word;
  EXPECT_FALSE(is_english_word(std::string(100'000, 'a')));
}

// Looking up goes by halves: one word out of order and its neighbours would be names.
TEST(English, TheListIsSorted) {
  const std::string_view words = english_words();
  std::string_view before;
  std::size_t count = 0;
  for (std::size_t begin = 0; begin < words.size(); ++count) {
    const std::string_view word = words.substr(begin, words.find('\n', begin) - begin);
    EXPECT_LT(before, word);
    before = word;
    begin += word.size() + 1;
  }
  EXPECT_GT(count, 50'000U);
}

}  // namespace
}  // namespace rage::text
