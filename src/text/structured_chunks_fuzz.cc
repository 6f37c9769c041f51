#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "text/structured_chunks.h"
#include "text/unicode.h"

namespace {

using namespace rage::text;

constexpr std::array<std::string_view, 17> kLanguages{
    "bash", "c",        "cpp",    "css",  "go",  "html", "java", "javascript", "json",
    "yaml", "markdown", "python", "rust", "sql", "toml", "tsx",  "typescript"};

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

}  // namespace

// In order, without overlap, nothing left out but white space, nothing too long.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  const ChunkOptions options{.tokens_max = 8 + bytes[0] % 128U, .tokens_overlap = 0};
  const std::string_view language = kLanguages[bytes[1] % kLanguages.size()];
  const std::string_view text(reinterpret_cast<const char*>(bytes + 2), size - 2);
  if (!is_valid_utf8(text)) return 0;
  const TokenCounter counter = [](std::string_view part) { return count_code_points(part); };
  const auto chunks = split_code(text, language, options, counter);
  std::size_t covered = 0;
  for (const StructuredChunk& chunk : chunks) {
    CHECK(chunk.span.begin >= covered && chunk.span.end > chunk.span.begin);
    for (std::size_t at = covered; at < chunk.span.begin;) {
      CHECK(is_white_space(next_code_point(text, at)));
    }
    const std::string_view part = chunk.span.of(text);
    CHECK(is_valid_utf8(part) && !is_blank(part));
    const std::size_t context = chunk.context.empty() ? 0 : counter(chunk.context) + 1;
    CHECK(counter(part) + context <= options.tokens_max);
    covered = chunk.span.end;
  }
  for (std::size_t at = covered; at < text.size();) {
    CHECK(is_white_space(next_code_point(text, at)));
  }
  CHECK(chunks == split_code(text, language, options, counter));
  return 0;
}
