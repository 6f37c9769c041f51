#include "gatewayapi/durations.h"

#include <algorithm>

#include "base/strings.h"

namespace rage::gatewayapi {
namespace {

std::string_view take_digits(std::string_view& rest) {
  const auto end = std::ranges::find_if_not(rest, is_ascii_digit);
  const std::string_view digits = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(digits.size());
  return digits;
}

std::optional<std::chrono::milliseconds> take_unit(std::string_view& rest) {
  struct Unit {
    std::string_view name;
    std::chrono::milliseconds length;
  };
  using std::chrono::hours;
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  using std::chrono::seconds;
  constexpr Unit kUnits[] = {
      {"ms", milliseconds(1)}, {"h", hours(1)}, {"m", minutes(1)}, {"s", seconds(1)}};
  for (const Unit& unit : kUnits) {
    if (!rest.starts_with(unit.name)) continue;
    rest.remove_prefix(unit.name.size());
    return unit.length;
  }
  return std::nullopt;
}

// "dd?dd?..." with exactly these digits: none if anything else stands there.
std::optional<int> digits_at(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  const std::optional<std::uint64_t> value = parse_uint(text.substr(at, count));
  if (!value) return std::nullopt;
  return static_cast<int>(*value);
}

// "Z", "+02:00": seconds east of Greenwich.
std::optional<std::int64_t> parse_offset(std::string_view zone) {
  if (zone == "Z" || zone == "z") return 0;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
  const std::optional<int> hours = digits_at(zone, 1, 2);
  const std::optional<int> minutes = digits_at(zone, 4, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = (std::int64_t{*hours} * 60 + *minutes) * 60;
  return zone[0] == '+' ? seconds : -seconds;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr int kPartsMax = 4;
  constexpr std::size_t kDigitsMax = 5;
  std::chrono::milliseconds total{0};
  int parts = 0;
  for (; !text.empty(); ++parts) {
    const std::string_view digits = take_digits(text);
    if (digits.empty() || digits.size() > kDigitsMax) return std::nullopt;
    const std::optional<std::chrono::milliseconds> unit = take_unit(text);
    if (!unit) return std::nullopt;
    total += *unit * static_cast<std::int64_t>(parse_uint(digits).value_or(0));
  }
  if (parts == 0 || parts > kPartsMax) return std::nullopt;
  return total;
}

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != 'd' && kForm[i] != text[i]) return std::nullopt;
  }
  const auto year = digits_at(text, 0, 4);
  const auto month = digits_at(text, 5, 2);
  const auto day = digits_at(text, 8, 2);
  const auto hour = digits_at(text, 11, 2);
  const auto minute = digits_at(text, 14, 2);
  const auto second = digits_at(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::string_view zone = text.substr(kForm.size());
  if (zone.starts_with('.')) {
    zone.remove_prefix(1);
    if (take_digits(zone).empty()) return std::nullopt;
  }
  const std::optional<std::int64_t> offset = parse_offset(zone);
  if (!offset) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((std::int64_t{days} * 24 + *hour) * 60 + *minute) * 60 + *second - *offset;
}

}  // namespace rage::gatewayapi
