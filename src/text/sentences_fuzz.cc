#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "text/sentences.h"
#include "text/unicode.h"

namespace {

using rage::text::TextSpan;

bool is_blank(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (!rage::text::is_white_space(rage::text::next_code_point(text, at))) return false;
  }
  return true;
}

// In order, inside the text, not blank; only white space is left out.
void check_cover(std::string_view text, const std::vector<TextSpan>& spans, bool may_overlap) {
  std::size_t covered = 0;
  std::size_t begin_before = 0;
  for (const TextSpan span : spans) {
    CHECK(span.begin < span.end && span.end <= text.size());
    CHECK(span.begin >= begin_before && span.end > covered);
    if (span.begin > covered) CHECK(is_blank(text.substr(covered, span.begin - covered)));
    if (!may_overlap) CHECK(span.begin >= covered);
    CHECK(!is_blank(span.of(text)));
    begin_before = span.begin;
    covered = span.end;
  }
  CHECK(is_blank(text.substr(covered)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::text;
  if (size < 2) return 0;
  const ChunkOptions options{.tokens_max = bytes[0] % 64U, .tokens_overlap = bytes[1] % 32U};
  const std::string_view text(reinterpret_cast<const char*>(bytes + 2), size - 2);
  check_cover(text, split_sentences(text), false);
  if (is_valid_utf8(text)) {
    for (const TextSpan span : split_sentences(text)) CHECK(is_valid_utf8(span.of(text)));
  }
  const TokenCounter counter = [](std::string_view part) { return count_code_points(part); };
  const auto chunks = split_into_chunks(text, options, counter);
  check_cover(text, chunks, true);
  for (const TextSpan chunk : chunks) {
    CHECK(count_code_points(chunk.of(text)) <= std::max<std::size_t>(options.tokens_max, 1));
    if (is_valid_utf8(text)) CHECK(is_valid_utf8(chunk.of(text)));
  }
  return 0;
}
