// The tokens of a WordPiece vocabulary in one flat hash table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rage::text::detail {

// Value, immutable once built. Thread-safe.
class WordPieceVocabulary final {
 public:
  static constexpr std::size_t kTokenBytesMax = 256;
  enum class Place : std::uint8_t { kStart, kInside };  // Inside a word a token is written "##ing".

  struct Match {
    std::int32_t id = -1;
    std::size_t bytes = 0;
  };

  // Ids are positions; of equal tokens the last counts; empty ones are gaps.
  explicit WordPieceVocabulary(const std::vector<std::string>& tokens);

  std::size_t size() const { return ids_; }
  // Of the text exactly as given ("##ing" and "[CLS]" too); -1 if absent.
  std::int32_t find(std::string_view token) const;
  // The longest token that `rest` begins with. id -1 if there is none.
  Match longest_prefix(std::string_view rest, Place place) const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t id = -1;
    std::uint32_t offset = 0;  // Into bytes_, past any "##".
    std::uint16_t size = 0;
    Place place = Place::kStart;
  };

  static std::uint64_t seed(Place place);
  static std::uint64_t mix(std::uint64_t hash, char byte);
  static std::uint32_t finish(std::uint64_t hash);
  std::int32_t find(std::uint32_t hash, std::string_view bytes, Place place) const;
  void insert(std::string_view token, std::int32_t id);

  std::vector<Slot> slots_;  // Open addressing; a power of two, at most half full.
  std::string bytes_;
  std::size_t ids_ = 0;
  std::size_t bytes_max_[2] = {0, 0};  // By place.
};

}  // namespace rage::text::detail
