#include "text/detail/graphemes.h"

#include <unicode/uchar.h>

#include "text/unicode.h"

namespace rage::text::detail {
namespace {

// What the rules remember of the cluster so far.
struct Cluster {
  int last = U_GCB_OTHER;
  bool pictograph = false;         // It ends with a pictograph and marks on it (GB11).
  bool joined_pictograph = false;  // ... and a zero width joiner.
  bool odd_indicator = false;      // It ends with the first half of a flag (GB12, GB13).
};

int property_of(char32_t code_point) {
  return u_getIntPropertyValue(static_cast<UChar32>(code_point), UCHAR_GRAPHEME_CLUSTER_BREAK);
}

bool is_pictograph(char32_t code_point) {
  return u_hasBinaryProperty(static_cast<UChar32>(code_point), UCHAR_EXTENDED_PICTOGRAPHIC) != 0;
}

bool is_control(int property) {
  return property == U_GCB_CONTROL || property == U_GCB_CR || property == U_GCB_LF;
}

bool hangul_joins(int last, int next) {  // GB6 to GB8.
  if (last == U_GCB_L) {
    return next == U_GCB_L || next == U_GCB_V || next == U_GCB_LV || next == U_GCB_LVT;
  }
  if (last == U_GCB_LV || last == U_GCB_V) return next == U_GCB_V || next == U_GCB_T;
  return (last == U_GCB_LVT || last == U_GCB_T) && next == U_GCB_T;
}

bool joins(const Cluster& cluster, int next, bool pictograph) {
  if (cluster.last == U_GCB_CR && next == U_GCB_LF) return true;
  if (is_control(cluster.last) || is_control(next)) return false;
  if (next == U_GCB_EXTEND || next == U_GCB_ZWJ || next == U_GCB_SPACING_MARK) return true;
  if (cluster.last == U_GCB_PREPEND || hangul_joins(cluster.last, next)) return true;
  if (cluster.joined_pictograph && pictograph) return true;
  return cluster.odd_indicator && next == U_GCB_REGIONAL_INDICATOR;
}

void add(Cluster& cluster, int property, bool pictograph) {
  cluster.joined_pictograph = cluster.pictograph && property == U_GCB_ZWJ;
  cluster.pictograph = pictograph || (cluster.pictograph && property == U_GCB_EXTEND);
  cluster.odd_indicator = property == U_GCB_REGIONAL_INDICATOR && !cluster.odd_indicator;
  cluster.last = property;
}

}  // namespace

void read_grapheme(std::string_view text, std::size_t& at, std::string& out) {
  Cluster cluster;
  bool is_first = true;
  for (std::size_t next = at; next < text.size(); at = next) {
    const char32_t code_point = next_code_point(text, next);
    const int property = property_of(code_point);
    const bool pictograph = is_pictograph(code_point);
    if (!is_first && !joins(cluster, property, pictograph)) return;
    is_first = false;
    add(cluster, property, pictograph);
    append_utf8(out, code_point);
  }
}

}  // namespace rage::text::detail
