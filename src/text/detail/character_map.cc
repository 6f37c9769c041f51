#include "text/detail/character_map.h"

#include <bit>
#include <cstring>
#include <utility>

#include "text/unicode.h"

namespace rage::text::detail {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kShortGraphemeBytesMax = 5;

// Fields of a unit, as Darts-clone packs them.
std::uint32_t label(std::uint32_t unit) {
  return unit & 0x800000FFU;  // The highest bit: a value, which is no byte's label.
}
bool has_value(std::uint32_t unit) {
  return (unit >> 8U & 1U) != 0;
}
std::uint32_t offset(std::uint32_t unit) {
  return (unit >> 10U) << ((unit & (1U << 9U)) >> 6U);
}
std::uint32_t value(std::uint32_t unit) {
  return unit & 0x7FFFFFFFU;
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorCode::kDataLoss, "precompiled_charsmap: {}", what);
}

bool is_inside_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

}  // namespace

Result<CharacterMap> CharacterMap::parse(std::string_view bytes) {
  std::uint32_t trie_bytes = 0;
  if (bytes.size() < sizeof trie_bytes) return damaged("cut off");
  std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);
  bytes.remove_prefix(sizeof trie_bytes);
  if (trie_bytes > bytes.size() || trie_bytes % sizeof(std::uint32_t) != 0 || trie_bytes == 0) {
    return damaged("the size of its trie");
  }
  CharacterMap map;
  map.units_.resize(trie_bytes / sizeof(std::uint32_t));
  std::memcpy(map.units_.data(), bytes.data(), trie_bytes);
  map.replacements_ = bytes.substr(trie_bytes);
  if (!is_valid_utf8(map.replacements_)) return damaged("a replacement that is not UTF-8");
  RETURN_IF_ERROR(map.check());
  for (unsigned c = 0; c < map.keeps_.size(); ++c) {
    const char byte = static_cast<char>(c);
    map.keeps_[c] = !map.find({&byte, 1});
  }
  return map;
}

// Afterwards no look-up can leave the arrays, so it does not ask. Units may be reached by several
// ways (equal endings are shared), even in a circle: a look-up ends with its text.
Result<void> CharacterMap::check() const {
  std::vector<bool> seen(units_.size());
  std::vector<std::uint32_t> bases = {offset(units_[0])};
  while (!bases.empty()) {
    const std::uint32_t base = bases.back();
    bases.pop_back();
    if ((base | 0xFFU) >= units_.size()) return damaged("an offset outside of its trie");
    for (std::uint32_t byte = 1; byte < 256; ++byte) {
      const std::uint32_t at = base ^ byte;
      const std::uint32_t unit = units_[at];
      if (label(unit) != byte || seen[at]) continue;
      seen[at] = true;
      const std::uint32_t next = at ^ offset(unit);
      bases.push_back(next);
      if (!has_value(unit)) continue;
      if (next >= units_.size()) return damaged("an offset outside of its trie");
      const std::uint32_t start = value(units_[next]);
      if (start >= replacements_.size() || is_inside_character(replacements_[start])) {
        return damaged("a replacement outside of it");
      }
    }
  }
  return {};
}

std::optional<std::string_view> CharacterMap::find(std::string_view text) const {
  if (units_.empty()) return std::nullopt;
  std::uint32_t at = offset(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;
    at ^= byte;
    const std::uint32_t unit = units_[at];
    if (label(unit) != byte) break;
    at ^= offset(unit);
    if (!has_value(unit)) continue;
    const std::string_view rest = std::string_view(replacements_).substr(value(units_[at]));
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

void CharacterMap::append_replaced(std::string_view grapheme, std::string& out) const {
  if (grapheme.size() <= kShortGraphemeBytesMax) {
    if (const auto replacement = find(grapheme)) {
      out += *replacement;
      return;
    }
  }
  for (std::size_t at = 0; at < grapheme.size();) {
    const std::size_t begin = at;
    next_code_point(grapheme, at);
    const std::string_view character = grapheme.substr(begin, at - begin);
    out += find(character).value_or(character);
  }
}

}  // namespace rage::text::detail
