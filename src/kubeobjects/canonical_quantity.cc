#include "kubeobjects/canonical_quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace rage::kubeobjects {
namespace {

constexpr std::size_t kDigitsMax = 18;
constexpr std::int64_t kBinaryStep = 1024;
constexpr std::array<std::string_view, 7> kBinary = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
// Of 10^-9, 10^-6, and so on.
constexpr std::array<std::string_view, 10> kDecimal = {"n", "u", "m", "",  "k",
                                                       "M", "G", "T", "P", "E"};
constexpr int kDecimalZero = 3;

// digits * 10^exponent, times 1024^binary.
struct Parts {
  bool negative = false;
  std::int64_t digits = 0;
  int exponent = 0;
  std::optional<int> binary = std::nullopt;
};

template <typename Names>
std::optional<int> place_of(const Names& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<int>(found - names.begin());
}

std::optional<Parts> parts_of(std::string_view text) {
  Parts parts{.negative = text.starts_with('-')};
  if (parts.negative) text.remove_prefix(1);
  std::size_t at = 0;
  std::size_t digits = 0;
  bool fraction = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !fraction) {
      fraction = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    if (++digits > kDigitsMax) return std::nullopt;
    parts.digits = parts.digits * 10 + (c - '0');
    if (fraction) --parts.exponent;
  }
  if (digits == 0 || text[at - 1] == '.') return std::nullopt;
  const std::string_view suffix = text.substr(at);
  if (const auto place = place_of(kDecimal, suffix)) {
    parts.exponent += 3 * (*place - kDecimalZero);
    return parts;
  }
  parts.binary = place_of(kBinary, suffix);
  return parts.binary ? std::optional(parts) : std::nullopt;
}

// The largest unit that leaves a whole number.
std::optional<std::string> decimal_text(Parts parts) {
  if (parts.digits == 0) return "0";
  while (parts.digits % 10 == 0) {
    parts.digits /= 10;
    ++parts.exponent;
  }
  const int shift = parts.exponent + 3 * kDecimalZero;  // From the smallest unit.
  if (shift < 0) return std::nullopt;
  for (int i = 0; i < shift % 3; ++i) {
    if (__builtin_mul_overflow(parts.digits, 10, &parts.digits)) return std::nullopt;
  }
  const auto place = static_cast<std::size_t>(shift) / 3;
  if (place >= kDecimal.size()) return std::nullopt;
  return fmt::format("{}{}{}", parts.negative ? "-" : "", parts.digits, kDecimal[place]);
}

// What is no whole number, or less than 1024, is written with decimal units.
std::optional<std::string> binary_text(Parts parts) {
  for (int i = 0; i < *parts.binary; ++i) {
    if (__builtin_mul_overflow(parts.digits, kBinaryStep, &parts.digits)) return std::nullopt;
  }
  const Parts exact = parts;
  for (; parts.exponent < 0 && parts.digits % 10 == 0; ++parts.exponent) parts.digits /= 10;
  if (parts.exponent < 0 || parts.digits < kBinaryStep) return decimal_text(exact);
  std::size_t place = 0;
  for (; parts.digits % kBinaryStep == 0 && place + 1 < kBinary.size(); ++place) {
    parts.digits /= kBinaryStep;
  }
  return fmt::format("{}{}{}", parts.negative ? "-" : "", parts.digits, kBinary[place]);
}

}  // namespace

std::string canonical_quantity(std::string_view text) {
  const auto parts = parts_of(text);
  if (!parts) return std::string(text);
  return (parts->binary ? binary_text(*parts) : decimal_text(*parts)).value_or(std::string(text));
}

}  // namespace rage::kubeobjects
