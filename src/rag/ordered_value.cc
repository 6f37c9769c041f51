#include "rag/ordered_value.h"

#include <chrono>
#include <string_view>

#include "base/strings.h"
#include "rag/amount.h"
#include "rag/facts.h"

namespace rage::rag {
namespace {

constexpr std::size_t kMomentBytesMax = 64;

// Exactly `digits` of them at the front of `text`, which moves past them.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  const auto value = parse_uint(text.substr(0, digits));
  if (!value) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<int>(*value);
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<double> seconds_of_date(int year, int month, int day) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return static_cast<double>(duration_cast<seconds>(sys_days(date).time_since_epoch()).count());
}

// "Z", "-08:00", "+0530": minutes east of UTC.
std::optional<int> take_zone(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return 0;
  const bool west = text.starts_with('-');
  if (!west && !text.starts_with('+')) return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2);
  (void)take(text, ':');
  const auto minutes = take_number(text, 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return (west ? -1 : 1) * (*hours * 60 + *minutes);
}

// ISO 8601 as RFC 3339 has it, the zone and the seconds optional: what most metadata holds, read
// without the general and slower reading of dates below.
std::optional<double> iso_moment(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const auto date = seconds_of_date(*year, *month, *day);
  if (!date || text.empty()) return date;
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *hours > 24 || *minutes > 59) return std::nullopt;
  double seconds = *date + *hours * 3600.0 + *minutes * 60.0;
  if (take(text, ':')) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto rest = parse_double(text.substr(0, end));
    if (!rest || *rest >= 61) return std::nullopt;
    seconds += *rest;
    text.remove_prefix(end);
  }
  if (text.empty()) return seconds;
  const auto zone = take_zone(text);
  if (!zone || !text.empty()) return std::nullopt;
  return seconds - *zone * 60.0;
}

std::optional<OrderedValue> moment_of(std::string_view text) {
  text = trim(text);
  if (text.size() > kMomentBytesMax) return std::nullopt;
  if (const auto seconds = iso_moment(text))
    return OrderedValue{.kind = OrderedKind::kMoment, .number = *seconds, .text = {}};
  const auto date = parse_date(text);
  if (!date || date->year == 0) return std::nullopt;
  const auto seconds = seconds_of_date(date->year, date->month, date->day);
  if (!seconds) return std::nullopt;
  const int minutes = parse_time(text).value_or(0);
  return OrderedValue{
      .kind = OrderedKind::kMoment, .number = *seconds + minutes * 60.0, .text = {}};
}

std::optional<OrderedValue> time_of(std::string_view text) {
  if (text.find_first_of("0123456789") == std::string_view::npos) return std::nullopt;
  const auto minutes = parse_time(text);
  if (!minutes) return std::nullopt;
  return OrderedValue{
      .kind = OrderedKind::kTimeOfDay, .number = static_cast<double>(*minutes), .text = {}};
}

std::optional<OrderedValue> number_of(std::string_view text) {
  text = trim(text);
  const bool negative = take(text, '-');
  const auto amount = parse_amount(text);
  if (!amount) return std::nullopt;
  return OrderedValue{.kind = OrderedKind::kNumber,
                      .number = negative ? -amount->value : amount->value,
                      .text = amount->unit};
}

}  // namespace

std::optional<OrderedValue> ordered_value(const codec::Json& value, OrderedKind kind) {
  if (value.is_number()) {
    if (kind != OrderedKind::kNumber) return std::nullopt;
    return OrderedValue{.kind = kind, .number = value.get<double>(), .text = {}};
  }
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  switch (kind) {
    case OrderedKind::kNumber:
      return number_of(text);
    case OrderedKind::kMoment:
      return moment_of(text);
    case OrderedKind::kTimeOfDay:
      return time_of(text);
    case OrderedKind::kText:
      return OrderedValue{.kind = kind, .number = 0, .text = text};
  }
  return std::nullopt;
}

std::optional<OrderedValue> ordered_value(const codec::Json& value) {
  for (const OrderedKind kind :
       {OrderedKind::kMoment, OrderedKind::kTimeOfDay, OrderedKind::kNumber, OrderedKind::kText}) {
    if (auto read = ordered_value(value, kind)) return read;
  }
  return std::nullopt;
}

std::partial_ordering compare(const OrderedValue& left, const OrderedValue& right) {
  if (left.kind != right.kind) return std::partial_ordering::unordered;
  if (left.kind == OrderedKind::kText) return left.text <=> right.text;
  if (left.kind == OrderedKind::kNumber && !comparable(left.text, right.text))
    return std::partial_ordering::unordered;
  return left.number <=> right.number;
}

}  // namespace rage::rag
