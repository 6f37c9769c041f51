#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "rag/facts.h"

// Facts lie in order inside the text, and a normal form reads back as itself.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::rag;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto tokens = tokenize(text);
  std::size_t end = 0;
  for (const Token& token : tokens) {
    CHECK(token.begin >= end && token.begin < token.end && token.end <= text.size());
    CHECK(!token.folded.empty() && !token.stem.empty());
    end = token.end;
  }
  std::size_t token_end = 0;
  for (const Fact& fact : extract_facts(text, tokens)) {
    CHECK(fact.begin < fact.end && fact.end <= text.size());
    CHECK(fact.token_begin < fact.token_end && fact.token_end <= tokens.size());
    CHECK(fact.token_begin + 1 >= token_end);  // A date-time shares the word "05T10".
    token_end = fact.token_end;
    if (fact.kind == FactKind::kTime) CHECK(time_of_normal(fact.normal).has_value());
    if (fact.kind == FactKind::kDate) CHECK(date_of_normal(fact.normal).has_value());
  }
  for (const NameSpan& name : extract_names(text, tokens)) CHECK(name.token_begin < name.token_end);
  (void)parse_date(text);
  (void)parse_time(text);
  return 0;
}
