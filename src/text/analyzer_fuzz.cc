#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "text/analyzer.h"
#include "text/unicode.h"

// Terms are valid UTF-8, short, never empty, the same again, and independent of what follows a
// space.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::text;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto terms = analyze(text);
  for (const std::string& term : terms) {
    CHECK(!term.empty() && term.size() <= 66);
    CHECK(is_valid_utf8(term));
  }
  CHECK(terms == analyze(text));
  CHECK(terms == analyze(to_valid_utf8(text)));
  const auto asked = analyze_question(text);
  CHECK(asked.empty() == terms.empty() && asked.size() <= terms.size());
  const std::size_t space = text.find(' ');
  if (space != std::string_view::npos) {
    auto parts = analyze(text.substr(0, space));
    for (auto& term : analyze(text.substr(space))) parts.push_back(std::move(term));
    CHECK(parts == terms);
  }
  CHECK(is_valid_utf8(fold(text)));
  return 0;
}
