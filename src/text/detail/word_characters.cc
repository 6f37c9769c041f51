#include "text/detail/word_characters.h"

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/utext.h>

#include <array>
#include <memory>
#include <vector>

#include "base/check.h"
#include "text/unicode.h"

namespace rage::text::detail {
namespace {

constexpr std::array<WordKind, 128> ascii_kinds() {
  std::array<WordKind, 128> kinds{};
  for (char c = '0'; c <= '9'; ++c) kinds[static_cast<std::size_t>(c)] = WordKind::kDigit;
  for (char c = 'a'; c <= 'z'; ++c) kinds[static_cast<std::size_t>(c)] = WordKind::kLetter;
  for (char c = 'A'; c <= 'Z'; ++c) kinds[static_cast<std::size_t>(c)] = WordKind::kLetter;
  return kinds;
}

constexpr std::array<WordKind, 128> kAsciiKinds = ascii_kinds();

bool is_east_asian(char32_t c) {
  return (c >= 0x3041 && c <= 0x30FF && c != 0x30FB && c != 0x30A0) ||  // Kana, not its dots.
         (c >= 0x31F0 && c <= 0x31FF) || (c >= 0xFF66 && c <= 0xFF9F) || c == 0x3005 ||
         c == 0x3007 || (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0x1100 && c <= 0x11FF) ||
         (c >= 0x3131 && c <= 0x318E) ||
         u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_IDEOGRAPHIC) != 0;
}

WordKind wide_kind(char32_t c) {
  const auto character = static_cast<UChar32>(c);
  const int category = u_charType(character);
  const bool is_mark = category == U_NON_SPACING_MARK || category == U_ENCLOSING_MARK ||
                       category == U_COMBINING_SPACING_MARK;
  const bool is_letter = (U_MASK(category) & U_GC_L_MASK) != 0;
  if (is_letter || is_mark) {
    const int breaking = u_getIntPropertyValue(character, UCHAR_LINE_BREAK);
    if (breaking == U_LB_COMPLEX_CONTEXT) return WordKind::kComplex;
  }
  if (is_mark) return WordKind::kExtend;
  if (c >= 0x1100 && is_east_asian(c)) return WordKind::kIdeographic;
  if (is_letter) return WordKind::kLetter;
  if ((U_MASK(category) & U_GC_N_MASK) != 0) return WordKind::kDigit;
  const bool joins = c == 0xAD || c == 0x200C || c == 0x200D || c == 0x2060 || c == 0xFEFF;
  return joins ? WordKind::kExtend : WordKind::kOther;
}

// Accents of alphabets; not the vowel signs of Indic scripts nor the voicing marks of kana.
bool is_accent(UChar32 c) {
  if (u_charType(c) != U_NON_SPACING_MARK || c == 0x3099 || c == 0x309A) return false;
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(c, &status)) {
    case USCRIPT_INHERITED:
    case USCRIPT_COMMON:
    case USCRIPT_CYRILLIC:
    case USCRIPT_HEBREW:
    case USCRIPT_ARABIC:
    case USCRIPT_SYRIAC:
      return true;
    default:
      return false;
  }
}

std::vector<UChar> to_utf16(std::string_view text) {
  std::vector<UChar> out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c > 0xFFFF) {
      out.push_back(static_cast<UChar>(U16_LEAD(c)));
      out.push_back(static_cast<UChar>(U16_TRAIL(c)));
    } else {
      out.push_back(static_cast<UChar>(c));
    }
  }
  return out;
}

std::vector<UChar> normalize(const UNormalizer2* normalizer, const std::vector<UChar>& text) {
  std::vector<UChar> out(text.size() * 2 + 16);
  for (;;) {
    UErrorCode status = U_ZERO_ERROR;
    const std::int32_t size =
        unorm2_normalize(normalizer, text.data(), static_cast<std::int32_t>(text.size()),
                         out.data(), static_cast<std::int32_t>(out.size()), &status);
    if (status != U_BUFFER_OVERFLOW_ERROR) {
      if (U_FAILURE(status)) return text;
      out.resize(static_cast<std::size_t>(size));
      return out;
    }
    out.resize(static_cast<std::size_t>(size));
  }
}

std::vector<UChar> without_accents(const std::vector<UChar>& text) {
  std::vector<UChar> out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    UChar32 c;
    U16_NEXT(text.data(), at, text.size(), c);
    if (!is_accent(c)) {
      out.insert(out.end(), text.begin() + static_cast<std::ptrdiff_t>(begin),
                 text.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  return out;
}

struct CloseBreaks {
  void operator()(UBreakIterator* breaks) const { ubrk_close(breaks); }
};

// ICU's iterator is costly to open; one a thread.
UBreakIterator* thread_word_breaks() {
  thread_local const std::unique_ptr<UBreakIterator, CloseBreaks> breaks = [] {
    UErrorCode status = U_ZERO_ERROR;
    return std::unique_ptr<UBreakIterator, CloseBreaks>(
        ubrk_open(UBRK_WORD, "", nullptr, 0, &status));
  }();
  return breaks.get();
}

}  // namespace

WordKind word_kind(char32_t code_point) {
  return code_point < 0x80 ? kAsciiKinds[code_point] : wide_kind(code_point);
}

WordKind read_word_kind(std::string_view text, std::size_t& at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) {
    ++at;
    return kAsciiKinds[byte];
  }
  return wide_kind(next_code_point(text, at));
}

std::string fold_wide(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* const casefold = unorm2_getNFKCCasefoldInstance(&status);
  const UNormalizer2* const decompose = unorm2_getNFDInstance(&status);
  const UNormalizer2* const compose = unorm2_getNFCInstance(&status);
  CHECK(U_SUCCESS(status));  // These tables are compiled into the library.
  const auto decomposed = normalize(decompose, normalize(casefold, to_utf16(text)));
  const auto folded = normalize(compose, without_accents(decomposed));
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < folded.size();) {
    UChar32 c;
    U16_NEXT(folded.data(), at, folded.size(), c);
    append_utf8(out, static_cast<char32_t>(c));
  }
  return out;
}

void for_each_dictionary_word(std::string_view run,
                              const std::function<void(std::string_view)>& on_word) {
  UBreakIterator* const breaks = thread_word_breaks();
  UErrorCode status = U_ZERO_ERROR;
  UText text = UTEXT_INITIALIZER;
  utext_openUTF8(&text, run.data(), static_cast<std::int64_t>(run.size()), &status);
  if (breaks != nullptr) ubrk_setUText(breaks, &text, &status);
  if (breaks == nullptr || U_FAILURE(status)) {  // Without ICU's data the run stays one term.
    on_word(run);
  } else {
    std::int32_t begin = ubrk_first(breaks);
    for (std::int32_t end = ubrk_next(breaks); end != UBRK_DONE; end = ubrk_next(breaks)) {
      on_word(run.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
      begin = end;
    }
  }
  utext_close(&text);
}

}  // namespace rage::text::detail
