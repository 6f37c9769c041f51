#include "text/detail/stemmer.h"

#include <libstemmer.h>

#include <cstring>

#include "base/check.h"

namespace rage::text::detail {
namespace {

std::size_t word_hash(std::string_view word) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash ^ (hash >> 29);
}

}  // namespace

void Stemmer::Delete::operator()(sb_stemmer* stemmer) const {
  sb_stemmer_delete(stemmer);
}

Stemmer::Stemmer() : stemmer_(sb_stemmer_new("english", "UTF_8")), entries_(kEntries) {
  CHECK(stemmer_ != nullptr);
}

std::string_view Stemmer::stem(std::string_view word) {
  if (word.size() > kWordBytesMax) return run(word);
  Entry& entry = entries_[word_hash(word) % kEntries];
  if (std::string_view(entry.word.data(), entry.word_size) != word) {
    const std::string_view stemmed = run(word);
    if (stemmed.size() > kWordBytesMax) return stemmed;
    std::memcpy(entry.word.data(), word.data(), word.size());
    std::memcpy(entry.stem.data(), stemmed.data(), stemmed.size());
    entry.word_size = static_cast<std::uint8_t>(word.size());
    entry.stem_size = static_cast<std::uint8_t>(stemmed.size());
  }
  return {entry.stem.data(), entry.stem_size};
}

std::string_view Stemmer::run(std::string_view word) {
  const auto* bytes = reinterpret_cast<const sb_symbol*>(word.data());
  const sb_symbol* out = sb_stemmer_stem(stemmer_.get(), bytes, static_cast<int>(word.size()));
  CHECK(out != nullptr);  // Only without memory.
  return {reinterpret_cast<const char*>(out),
          static_cast<std::size_t>(sb_stemmer_length(stemmer_.get()))};
}

Stemmer& thread_stemmer() {
  thread_local Stemmer stemmer;
  return stemmer;
}

}  // namespace rage::text::detail
