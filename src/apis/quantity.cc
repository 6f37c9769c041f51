#include "apis/quantity.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/strings.h"

namespace rage::apis {

std::optional<double> parse_quantity(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 14> kSuffixes{{
      {"", 1},
      {"n", 1e-9},
      {"u", 1e-6},
      {"m", 1e-3},
      {"k", 1e3},
      {"M", 1e6},
      {"G", 1e9},
      {"T", 1e12},
      {"P", 1e15},
      {"Ki", 0x1p10},
      {"Mi", 0x1p20},
      {"Gi", 0x1p30},
      {"Ti", 0x1p40},
      {"Pi", 0x1p50},
  }};
  // The exponent's "e" is a digit's neighbour; every suffix is none.
  const std::size_t end = text.find_last_of("0123456789.") + 1;
  const auto number = parse_double(text.substr(0, end));
  const auto* suffix =
      std::ranges::find(kSuffixes, text.substr(end), [](const auto& entry) { return entry.first; });
  if (!number || suffix == kSuffixes.end()) return std::nullopt;
  return *number * suffix->second;
}

std::optional<double> quantity_of(const codec::Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  return parse_quantity(std::string_view(value.get_ref<const std::string&>()));
}

}  // namespace rage::apis
