#include "text/detail/bert_characters.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <cstring>

#include "base/check.h"
#include "text/unicode.h"

namespace rage::text::detail {
namespace {

constexpr char32_t kTableEnd = 0x3400;  // Where the ideographs begin.

// Categories come from Unicode 8: what is younger has none there.
bool is_known(char32_t c) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] != 0 && age[0] <= 8;
}

bool is_control(char32_t c) {
  switch (u_charType(static_cast<UChar32>(c))) {
    case U_CONTROL_CHAR:
    case U_PRIVATE_USE_CHAR:
      return true;
    case U_FORMAT_CHAR:
      return is_known(c);
    default:
      return false;
  }
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return c > ' ' && c < 0x7F && u_isalnum(static_cast<UChar32>(c)) == 0;
  if (c == 0x166D || c == 0x111C9) return true;  // Until Unicode 8.
  return u_ispunct(static_cast<UChar32>(c)) != 0 && is_known(c);
}

bool is_accent(char32_t c) {
  if (c == 0x1734) return true;  // The category of these five changed after Unicode 8.
  if (c == 0x1885 || c == 0x1886 || c == 0xA9BD || c == 0x111C9) return false;
  return u_charType(static_cast<UChar32>(c)) == U_NON_SPACING_MARK && is_known(c);
}

// The ranges of the original implementation; `tokenizers` leaves U+2B820 to U+2B91F out.
bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

// Letters of Unicode 16 and 17, which ICU 72 does not know.
char32_t lower_young(char32_t c) {
  switch (c) {
    case 0x1C89:
    case 0xA7CC:
    case 0xA7CE:
    case 0xA7D2:
    case 0xA7D4:
    case 0xA7DA:
      return c + 1;
    case 0xA7CB:
      return 0x0264;
    case 0xA7DC:
      return 0x019B;
    default:
      break;
  }
  if (c >= 0x10D50 && c <= 0x10D65) return c + 0x20;
  if (c >= 0x16EA0 && c <= 0x16EB8) return c + 0x1B;
  return c;
}

// The canonical decomposition, without reordering. Returns the number of code points.
std::size_t decompose(char32_t c, std::array<char32_t, BertCharacters::kPartsMax>& out) {
  if (c >= 0xAC00 && c <= 0xD7A3) {  // Hangul syllables, by arithmetic (Unicode 3.12).
    const char32_t index = c - 0xAC00;
    out[0] = 0x1100 + index / 588;
    out[1] = 0x1161 + index % 588 / 28;
    out[2] = 0x11A7 + index % 28;
    return index % 28 == 0 ? 2 : 3;
  }
  UErrorCode status = U_ZERO_ERROR;
  static const UNormalizer2* const nfd = unorm2_getNFDInstance(&status);
  CHECK(nfd != nullptr);
  std::array<UChar, 2 * BertCharacters::kPartsMax> units;
  const int size = unorm2_getDecomposition(nfd, static_cast<UChar32>(c), units.data(),
                                           static_cast<int>(units.size()), &status);
  if (size < 0 || U_FAILURE(status)) {
    out[0] = c;
    return 1;
  }
  std::size_t count = 0;
  for (int at = 0; at < size && count < out.size();) {
    UChar32 part;
    U16_NEXT(units, at, size, part);
    out[count++] = static_cast<char32_t>(part);
  }
  return count;
}

}  // namespace

BertCharacters::BertCharacters(const BertOptions& options) : options_(options) {
  entries_.resize(kTableEnd);
  std::array<char, 16> scratch;
  for (char32_t c = 0; c < kTableEnd; ++c) {
    const BertCharacter character = compute(c, scratch);
    entries_[c] = {.offset = static_cast<std::uint32_t>(bytes_.size()),
                   .size = static_cast<std::uint8_t>(character.bytes.size()),
                   .characters = character.characters,
                   .kind = character.kind};
    bytes_.append(character.bytes);
  }
}

BertCharacter BertCharacters::look_up(char32_t code_point, std::array<char, 16>& scratch) const {
  if (code_point >= kTableEnd) return compute(code_point, scratch);
  const Entry& entry = entries_[code_point];
  return {.kind = entry.kind,
          .characters = entry.characters,
          .bytes = std::string_view(bytes_).substr(entry.offset, entry.size)};
}

BertKind BertCharacters::kind_of(char32_t code_point) const {
  if (code_point == '\t' || code_point == '\n' || code_point == '\r') return BertKind::kSpace;
  if (options_.split_cjk && is_ideograph(code_point)) return BertKind::kIsolated;
  if (code_point == 0 || code_point == kReplacement || is_control(code_point)) {
    return BertKind::kRemoved;
  }
  if (is_white_space(code_point)) return BertKind::kSpace;
  return is_punctuation(code_point) ? BertKind::kIsolated : BertKind::kWord;
}

BertCharacter BertCharacters::compute(char32_t code_point, std::array<char, 16>& scratch) const {
  BertCharacter out{.kind = kind_of(code_point), .bytes = {}};
  if (out.kind == BertKind::kRemoved || out.kind == BertKind::kSpace) return out;
  Parts parts;
  const std::size_t count = normalize(code_point, parts);
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const BertPart& part = parts[i];
    const bool marks = part.combining_class != 0 && !part.is_dropped;
    // A dropped starter ends a run of marks, which only the slow way knows how to do.
    const bool cuts_run = part.is_dropped && part.combining_class == 0;
    if (marks || cuts_run || (count > 1 && part.is_punctuation)) {
      out.kind = BertKind::kComposed;
      return out;
    }
    if (part.is_dropped) continue;
    if (part.is_punctuation) out.kind = BertKind::kIsolated;
    append_utf8(bytes, part.code_point);
    ++out.characters;
  }
  if (bytes.size() > scratch.size()) {
    out.kind = BertKind::kComposed;
    return out;
  }
  std::memcpy(scratch.data(), bytes.data(), bytes.size());
  out.bytes = std::string_view(scratch.data(), bytes.size());
  return out;
}

std::size_t BertCharacters::normalize(char32_t code_point, Parts& parts) const {
  std::array<char32_t, kPartsMax> decomposed{code_point};
  std::size_t decomposed_count = 1;
  if (options_.strip_accents) decomposed_count = decompose(code_point, decomposed);
  std::size_t count = 0;
  for (std::size_t i = 0; i < decomposed_count && count < parts.size(); ++i) {
    char32_t c = decomposed[i];
    const bool dropped = options_.strip_accents && is_accent(c);
    // Without decomposition nothing is reordered: every class counts as 0.
    const auto combining_class =
        options_.strip_accents ? u_getCombiningClass(static_cast<UChar32>(c)) : std::uint8_t{0};
    if (options_.lower_case && !dropped) {
      if (c == 0x130 && count + 1 < parts.size()) {  // The one letter with a longer lower case.
        parts[count++] = {.code_point = 'i'};
        c = 0x307;
      } else {
        c = lower_young(static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))));
      }
    }
    parts[count++] = {.code_point = c,
                      .combining_class = combining_class,
                      .is_punctuation = !dropped && is_punctuation(c),
                      .is_dropped = dropped};
  }
  return count;
}

}  // namespace rage::text::detail
