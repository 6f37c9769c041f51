#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/check.h"
#include "text/detail/tokenizer_files.h"
#include "text/sentencepiece.h"
#include "text/unicode.h"

namespace {

using rage::text::Tokenizer;

const Tokenizer& small() {
  static const auto made = rage::text::create_unigram_tokenizer(
      {.added = {{.text = "<s>", .id = 0}, {.text = "<m>", .id = 9, .strip_left = true}},
       .strip_right = true,
       .spaces_become = "\u2581",
       .pieces = {{.text = "<s>"},
                  {.text = "</s>"},
                  {.text = "<unk>"},
                  {.text = "\u2581", .score = -2},
                  {.text = "a", .score = -3},
                  {.text = "ab", .score = -4.5},
                  {.text = "b", .score = -2.5},
                  {.text = "\u2581ab", .score = -5},
                  {.text = "東", .score = -6}},
       .unknown = 2,
       .first = 0,
       .last = 1});
  CHECK(made.has_value());
  return **made;
}

// Counting, encoding and cutting agree.
void check(const Tokenizer& tokenizer, std::string_view text) {
  const auto ids = tokenizer.encode(text, 1U << 30U);
  CHECK(ids.size() == tokenizer.count(text) + 2);
  for (const auto id : ids) {
    CHECK(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocabulary_size());
  }
  const std::size_t most = 2 + text.size() % 9;
  const auto cut = tokenizer.encode(text, most);
  CHECK(cut.size() == std::min(most, ids.size()));
  CHECK(std::equal(cut.begin(), cut.end() - 1, ids.begin()));
}

void check(rage::Result<rage::text::UnigramModel> model, std::string_view text) {
  if (!model) return;
  const auto tokenizer = rage::text::create_unigram_tokenizer(*std::move(model));
  if (tokenizer) check(**tokenizer, text);
}

}  // namespace

// As a text, whose invalid bytes are read as U+FFFD; as a file of either kind, which then reads its
// own bytes; as a file's character map.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const std::string_view text = input.substr(0, 4096);
  check(small(), text);
  CHECK(small().encode(text, 99) == small().encode(rage::text::to_valid_utf8(text), 99));
  check(rage::text::parse_xlm_roberta_pieces(input), text);
  const auto json = nlohmann::json::parse(input, nullptr, /*allow_exceptions=*/false);
  check(rage::text::detail::unigram_from_json(json), text);
  check({{.character_map = std::string(input), .pieces = {{.text = "a", .score = -1}}}}, text);
  return 0;
}
