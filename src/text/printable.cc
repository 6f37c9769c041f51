#include "text/printable.h"

#include <unicode/uchar.h>

#include <cstdint>

namespace rage::text {

bool is_printable(char32_t code_point) {
  if (code_point == U' ') return true;
  switch (u_charType(static_cast<UChar32>(code_point))) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_SURROGATE:
    case U_PRIVATE_USE_CHAR:
    case U_UNASSIGNED:
    case U_SPACE_SEPARATOR:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
      return false;
    default:
      return true;
  }
}

bool is_invisible(char32_t code_point) {
  switch (u_charType(static_cast<UChar32>(code_point))) {
    case U_FORMAT_CHAR:
    case U_PRIVATE_USE_CHAR:
    case U_UNASSIGNED:
      return true;
    default:
      return false;
  }
}

bool is_word_character(char32_t code_point) {
  if (code_point == U'_') return true;
  const auto wide = static_cast<UChar32>(code_point);
  constexpr std::uint32_t kMask = U_GC_L_MASK | U_GC_M_MASK | U_GC_N_MASK;
  return (U_GET_GC_MASK(wide) & kMask) != 0;
}

}  // namespace rage::text
