#include "text/detail/wordpiece_vocabulary.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"

namespace rage::text::detail {
namespace {

constexpr std::string_view kInsidePrefix = "##";

}  // namespace

// FNV-1a: it grows byte by byte, so that one pass hashes every prefix.
std::uint64_t WordPieceVocabulary::seed(Place place) {
  return place == Place::kStart ? 0xCBF29CE484222325U : 0x84222325CBF29CE4U;
}

std::uint64_t WordPieceVocabulary::mix(std::uint64_t hash, char byte) {
  return (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3U;
}

std::uint32_t WordPieceVocabulary::finish(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

WordPieceVocabulary::WordPieceVocabulary(const std::vector<std::string>& tokens)
    : slots_(std::bit_ceil(std::max<std::size_t>(16, tokens.size() * 2))), ids_(tokens.size()) {
  for (std::size_t i = 0; i < tokens.size(); ++i) insert(tokens[i], static_cast<std::int32_t>(i));
}

void WordPieceVocabulary::insert(std::string_view token, std::int32_t id) {
  CHECK(token.size() <= kTokenBytesMax);
  const bool inside = token.starts_with(kInsidePrefix) && token.size() > kInsidePrefix.size();
  const Place place = inside ? Place::kInside : Place::kStart;
  if (inside) token.remove_prefix(kInsidePrefix.size());
  if (token.empty()) return;
  std::uint64_t hash = seed(place);
  for (const char byte : token) hash = mix(hash, byte);
  const std::uint32_t wanted = finish(hash);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = wanted & mask;
  for (; slots_[at].id >= 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.hash == wanted && slot.place == place &&
        std::string_view(bytes_).substr(slot.offset, slot.size) == token) {
      slots_[at].id = id;
      return;
    }
  }
  slots_[at] = {.hash = wanted,
                .id = id,
                .offset = static_cast<std::uint32_t>(bytes_.size()),
                .size = static_cast<std::uint16_t>(token.size()),
                .place = place};
  bytes_.append(token);
  std::size_t& most = bytes_max_[static_cast<std::size_t>(place)];
  most = std::max(most, token.size());
}

std::int32_t WordPieceVocabulary::find(std::uint32_t hash, std::string_view bytes,
                                       Place place) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].id >= 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && slot.place == place && slot.size == bytes.size() &&
        std::string_view(bytes_).substr(slot.offset, slot.size) == bytes) {
      return slot.id;
    }
  }
  return -1;
}

std::int32_t WordPieceVocabulary::find(std::string_view token) const {
  const bool inside = token.starts_with(kInsidePrefix) && token.size() > kInsidePrefix.size();
  const Place place = inside ? Place::kInside : Place::kStart;
  if (inside) token.remove_prefix(kInsidePrefix.size());
  std::uint64_t hash = seed(place);
  for (const char byte : token) hash = mix(hash, byte);
  return find(finish(hash), token, place);
}

WordPieceVocabulary::Match WordPieceVocabulary::longest_prefix(std::string_view rest,
                                                               Place place) const {
  std::array<std::uint32_t, kTokenBytesMax + 1> hashes;
  const std::size_t most = std::min(rest.size(), bytes_max_[static_cast<std::size_t>(place)]);
  std::uint64_t hash = seed(place);
  for (std::size_t i = 0; i < most; ++i) {
    hash = mix(hash, rest[i]);
    hashes[i + 1] = finish(hash);
  }
  for (std::size_t size = most; size > 0; --size) {
    const bool inside_character =
        size < rest.size() && (static_cast<unsigned char>(rest[size]) & 0xC0) == 0x80;
    if (inside_character) continue;
    const std::int32_t id = find(hashes[size], rest.substr(0, size), place);
    if (id >= 0) return {.id = id, .bytes = size};
  }
  return {};
}

}  // namespace rage::text::detail
