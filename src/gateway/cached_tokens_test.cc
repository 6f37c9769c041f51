#include "gateway/detail/cached_tokens.h"

#include <gmock/gmock.h>

namespace rage::gateway::detail {
namespace {

std::string rewritten(std::string_view text, std::size_t piece) {
  CachedTokensRewriter rewriter(7);
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += piece) out += rewriter.feed(text.substr(i, piece));
  return out + rewriter.finish();
}

// Clients would be billed by, and routers learn from, a decode server that calls the whole prompt
// cached because it came from the prefill server.
TEST(CachedTokensRewriter, ChangesTheNumberAndNothingElseHoweverItArrives) {
  struct Case {
    std::string in;
    std::string out;
  } const kCases[] = {
      {R"({"prompt_tokens_details":{"cached_tokens":4096}})",
       R"({"prompt_tokens_details":{"cached_tokens":7}})"},
      {R"({"a":{"cached_tokens" : 0 ,"b":1}})", R"({"a":{"cached_tokens" : 7,"b":1}})"},
      {"data: {\"usage\":{\"d\":{\"cached_tokens\":12}}}\n\ndata: [DONE]\n\n",
       "data: {\"usage\":{\"d\":{\"cached_tokens\":7}}}\n\ndata: [DONE]\n\n"},
      // Null, and names that are no names.
      {R"({"cached_tokens":null})", R"({"cached_tokens":null})"},
      {R"({"text":"say \"cached_tokens\": 3"})", R"({"text":"say \"cached_tokens\": 3"})"},
      {R"(["cached_tokens",5])", R"(["cached_tokens",5])"},
      {R"({"":"","cached_tokens":5,"":""})", R"({"":"","cached_tokens":7,"":""})"},
      {R"({"xcached_tokens":5})", R"({"xcached_tokens":5})"},
      {R"({"cached_tokens)", R"({"cached_tokens)"},
      {"", ""},
  };
  for (const Case& test : kCases) {
    for (const std::size_t piece : {1U, 2U, 5U, 1000U}) {
      EXPECT_EQ(rewritten(test.in, piece), test.out) << piece;
    }
  }
}

// A stream must not stall on a match that never ends.
TEST(CachedTokensRewriter, HoldsBackLittle) {
  CachedTokensRewriter rewriter(7);
  const std::string spaces(1000, ' ');
  EXPECT_GE(rewriter.feed("\"cached_tokens\":" + spaces).size(), 900U);
}

}  // namespace
}  // namespace rage::gateway::detail
