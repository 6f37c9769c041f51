// Snowball's English stemmer behind a small cache: most words of a text are few.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

struct sb_stemmer;

namespace rage::text::detail {

// Resource. One thread.
class Stemmer final {
 public:
  Stemmer();
  Stemmer(const Stemmer&) = delete;
  Stemmer& operator=(const Stemmer&) = delete;

  // Of a folded word. Valid until the next call.
  std::string_view stem(std::string_view word);

 private:
  static constexpr std::size_t kEntries = 4096;
  static constexpr std::size_t kWordBytesMax = 15;
  struct Entry {
    std::array<char, kWordBytesMax> word{};
    std::uint8_t word_size = 0;
    std::array<char, kWordBytesMax> stem{};
    std::uint8_t stem_size = 0;
  };
  struct Delete {
    void operator()(sb_stemmer* stemmer) const;
  };

  std::string_view run(std::string_view word);

  std::unique_ptr<sb_stemmer, Delete> stemmer_;
  std::vector<Entry> entries_;  // Direct-mapped by hash.
};

// The stemmer keeps state while it works: each thread has its own.
Stemmer& thread_stemmer();

}  // namespace rage::text::detail
