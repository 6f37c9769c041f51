#include "embed/hashing_embedder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/check.h"
#include "base/strings.h"

namespace rage::embed {
namespace {

// Long words carry the topic, "of" and "the" do not.
constexpr std::size_t kFullWeightBytes = 8;
constexpr float kTrigramShare = 0.6F;
constexpr std::uint64_t kWordSeed = 0x9AE16A3B2F90404F;
constexpr std::uint64_t kTrigramSeed = 0xC949D7C7509E6557;

bool is_word_byte(char c) {
  return is_ascii_alpha(c) || is_ascii_digit(c) || static_cast<unsigned char>(c) >= 0x80;
}

// The next word at or after `at`, which moves past it; empty at the end.
std::string_view next_word(std::string_view text, std::size_t& at) {
  while (at < text.size() && !is_word_byte(text[at])) ++at;
  const std::size_t start = at;
  while (at < text.size() && is_word_byte(text[at])) ++at;
  return text.substr(start, at - start);
}

// FNV-1a, then the finaliser of SplitMix64 so that all bits depend on all bytes.
std::uint64_t hash(std::uint64_t seed, std::string_view bytes) {
  std::uint64_t value = seed ^ 0xCBF29CE484222325;
  for (const char byte : bytes) {
    value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  }
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EB;
  return value ^ (value >> 31U);
}

void add_feature(std::uint64_t feature, float weight, std::span<float> vector) {
  const bool negative = (feature >> 63U) != 0;
  vector[feature % vector.size()] += negative ? -weight : weight;
}

bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}

// Trigrams of characters, not bytes: a UTF-8 sequence is never cut.
void add_trigrams(std::string_view word, float weight, std::span<float> vector) {
  const std::string framed = fmt::format("<{}>", word);
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < framed.size(); ++i) {
    if (starts_character(framed[i])) starts.push_back(i);
  }
  if (starts.size() < 4) return;  // "<a>" says no more than the word itself.
  starts.push_back(framed.size());
  const float each = weight * kTrigramShare / std::sqrt(static_cast<float>(starts.size() - 3));
  for (std::size_t i = 0; i + 3 < starts.size(); ++i) {
    const std::string_view trigram(framed.data() + starts[i], starts[i + 3] - starts[i]);
    add_feature(hash(kTrigramSeed, trigram), each, vector);
  }
}

}  // namespace

HashingEmbedder::HashingEmbedder(std::size_t dimension)
    : dimension_(dimension), id_(fmt::format("hashing-{}", dimension)) {
  CHECK(dimension >= 16 && dimension <= 65536);
}

Result<EmbeddingMatrix> HashingEmbedder::embed(const Context& context,
                                               std::span<const std::string> texts, TextKind) {
  EmbeddingMatrix matrix{.rows = texts.size(), .dimension = dimension_};
  matrix.values.resize(texts.size() * dimension_);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    RETURN_IF_ERROR(context.check());
    embed_text(texts[i], std::span(matrix.values).subspan(i * dimension_, dimension_));
  }
  return matrix;
}

std::size_t HashingEmbedder::count_tokens(std::string_view text) const {
  std::size_t words = 0;
  for (std::size_t at = 0; !next_word(text, at).empty();) ++words;
  return words;
}

void HashingEmbedder::embed_text(std::string_view text, std::span<float> vector) const {
  std::size_t at = 0;
  for (std::size_t words = 0; words < tokens_max(); ++words) {
    const std::string word = to_lower_ascii(next_word(text, at));
    if (word.empty()) break;
    const float weight =
        static_cast<float>(std::min(word.size(), kFullWeightBytes)) / kFullWeightBytes;
    add_feature(hash(kWordSeed, word), weight, vector);
    add_trigrams(word, weight, vector);
  }
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  if (squares < 1e-12) {  // No word at all, or all features cancelled out.
    std::ranges::fill(vector, 0.0F);
    vector[0] = 1.0F;
    return;
  }
  const double scale = 1.0 / std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value * scale);
}

}  // namespace rage::embed
