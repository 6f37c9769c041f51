#include "base/time_zone.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/files.h"
#include "base/strings.h"

namespace rage {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year;

constexpr std::uint64_t kFileBytesMax = 1 << 20;
constexpr std::size_t kHeaderBytes = 44;

// Reads a TZ string from the front.
class RuleReader final {
 public:
  explicit RuleReader(std::string_view text) : rest_(text) {}

  Result<ZoneRule> read() {
    ZoneRule rule;
    if (!name() || !offset(rule.standard)) return bad();
    rule.standard = -rule.standard;  // POSIX counts westward.
    if (rest_.empty()) return rule;
    if (!name()) return bad();
    rule.summer = rule.standard + 3600;
    if (!rest_.empty() && rest_.front() != ',') {
      if (!offset(rule.summer)) return bad();
      rule.summer = -rule.summer;
    }
    ZoneRule::Turn start;
    if (!turn(start) || !turn(rule.to_standard) || !rest_.empty()) return bad();
    rule.to_summer = start;
    return rule;
  }

 private:
  static std::unexpected<Error> bad() {
    return fail(ErrorCode::kInvalidArgument, "not a TZ string");
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool number(std::int64_t most, std::int64_t& value) {
    std::size_t digits = 0;
    value = 0;
    while (digits < rest_.size() && digits < 4 && is_ascii_digit(rest_[digits])) {
      value = value * 10 + (rest_[digits++] - '0');
    }
    rest_.remove_prefix(digits);
    return digits > 0 && value <= most;
  }
  bool name() {
    const bool quoted = take('<');
    std::size_t length = 0;
    while (length < rest_.size() &&
           (quoted ? rest_[length] != '>' : is_ascii_alpha(rest_[length]))) {
      ++length;
    }
    rest_.remove_prefix(length);
    return length >= 3 && (!quoted || take('>'));
  }
  // [+-]hh[:mm[:ss]]
  bool offset(std::int64_t& seconds) {
    const bool negative = take('-');
    if (!negative) (void)take('+');
    std::int64_t hours = 0;
    std::int64_t minutes = 0;
    std::int64_t rest = 0;
    if (!number(167, hours)) return false;
    if (take(':') && !number(59, minutes)) return false;
    if (take(':') && !number(59, rest)) return false;
    seconds = (hours * 60 + minutes) * 60 + rest;
    if (negative) seconds = -seconds;
    return true;
  }
  bool turn(ZoneRule::Turn& turn) {
    if (!take(',')) return false;
    std::int64_t month = 1;
    std::int64_t week = 1;
    std::int64_t day = 0;
    if (take('M')) {
      if (!number(12, month) || !take('.') || !number(5, week) || !take('.') || !number(6, day) ||
          month < 1 || week < 1) {
        return false;
      }
    } else {
      const bool julian = take('J');
      turn.form = julian ? ZoneRule::Turn::Form::kJulian : ZoneRule::Turn::Form::kZeroBased;
      if (!number(365, day) || (julian && day < 1)) return false;
    }
    turn.month = static_cast<int>(month);
    turn.week = static_cast<int>(week);
    turn.day = static_cast<int>(day);
    return !take('/') || offset(turn.seconds);
  }

  std::string_view rest_;
};

sys_days day_of(const ZoneRule::Turn& turn, year in) {
  using std::chrono::January;
  if (turn.form == ZoneRule::Turn::Form::kZeroBased) {
    return sys_days(in / January / 1) + days(turn.day);
  }
  if (turn.form == ZoneRule::Turn::Form::kJulian) {  // The 29th of February is not counted.
    const bool after = in.is_leap() && turn.day >= 60;
    return sys_days(in / January / 1) + days(turn.day - 1 + (after ? 1 : 0));
  }
  const auto month = in / std::chrono::month(static_cast<unsigned>(turn.month));
  const std::chrono::weekday weekday(static_cast<unsigned>(turn.day));
  if (turn.week == 5) return sys_days(month / std::chrono::weekday_last(weekday));
  return sys_days(month / weekday[static_cast<unsigned>(turn.week)]);
}

std::int64_t seconds_of(const ZoneRule::Turn& turn, year in, std::int64_t offset) {
  const auto midnight =
      std::chrono::duration_cast<std::chrono::seconds>(day_of(turn, in).time_since_epoch());
  return midnight.count() + turn.seconds - offset;
}

std::int64_t offset_by_rule(const ZoneRule& rule, std::int64_t time) {
  if (!rule.to_summer) return rule.standard;
  const std::chrono::sys_seconds local{std::chrono::seconds(time + rule.standard)};
  const year in = std::chrono::year_month_day(std::chrono::floor<days>(local)).year();
  const std::int64_t start = seconds_of(*rule.to_summer, in, rule.standard);
  const std::int64_t end = seconds_of(rule.to_standard, in, rule.summer);
  const bool summer = start < end ? time >= start && time < end : time >= start || time < end;
  return summer ? rule.summer : rule.standard;
}

// Big-endian, signed.
std::int64_t number_at(std::string_view bytes, std::size_t offset, std::size_t width) {
  std::uint64_t value = static_cast<unsigned char>(bytes[offset]) >= 0x80 ? ~std::uint64_t{0} : 0;
  for (std::size_t i = 0; i < width; ++i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[offset + i]);
  }
  return static_cast<std::int64_t>(value);
}

struct Block {
  std::size_t times = 0;
  std::size_t types = 0;
  std::size_t data_bytes = 0;
};

std::optional<Block> read_header(std::string_view bytes, std::size_t width) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with("TZif")) return std::nullopt;
  std::size_t counts[6];  // isut, isstd, leap, time, type, char
  for (std::size_t i = 0; i < 6; ++i) {
    counts[i] = static_cast<std::uint32_t>(number_at(bytes, 20 + 4 * i, 4));
    if (counts[i] > kFileBytesMax) return std::nullopt;
  }
  Block block{.times = counts[3], .types = counts[4]};
  block.data_bytes = block.times * (width + 1) + block.types * 6 + counts[5] +
                     counts[2] * (width + 4) + counts[1] + counts[0];
  if (block.types == 0 || bytes.size() < kHeaderBytes + block.data_bytes) return std::nullopt;
  return block;
}

}  // namespace

Result<ZoneRule> parse_zone_rule(std::string_view text) {
  return RuleReader(text).read();
}

Result<TimeZone> TimeZone::parse(std::string_view bytes) {
  const auto bad = [] { return fail(ErrorCode::kDataLoss, "not a TZif file"); };
  std::size_t width = 4;
  auto block = read_header(bytes, width);
  if (!block) return bad();
  if (bytes[4] >= '2') {
    bytes.remove_prefix(kHeaderBytes + block->data_bytes);
    width = 8;
    block = read_header(bytes, width);
    if (!block) return bad();
  }
  const std::string_view data = bytes.substr(kHeaderBytes, block->data_bytes);
  const std::size_t types_from = block->times * (width + 1);
  const auto offset_of = [&](std::size_t type) {
    return number_at(data, types_from + 6 * type, 4);
  };
  TimeZone zone;
  zone.first_offset_ = offset_of(0);
  for (std::size_t i = 0; i < block->times; ++i) {
    const std::size_t type = static_cast<unsigned char>(data[block->times * width + i]);
    if (type >= block->types) return bad();
    zone.transitions_.push_back({number_at(data, i * width, width), offset_of(type)});
  }
  if (!std::ranges::is_sorted(zone.transitions_, {}, &Transition::from)) return bad();
  std::string_view footer = bytes.substr(kHeaderBytes + block->data_bytes);
  if (width == 8 && footer.size() > 2 && footer.front() == '\n') {
    footer.remove_prefix(1);
    auto rule = parse_zone_rule(footer.substr(0, footer.find('\n')));
    if (!rule) return bad();
    zone.rule_ = *std::move(rule);
  }
  return zone;
}

Result<TimeZone> TimeZone::load(const std::string& folder, const std::string& name) {
  if (name.empty() || name == "UTC" || name == "Etc/UTC") return TimeZone();
  for (const std::string_view part : split(name, '/')) {
    const bool sound = !part.empty() && std::ranges::all_of(part, [](char c) {
      return is_ascii_alpha(c) || is_ascii_digit(c) || c == '_' || c == '-' || c == '+';
    });
    if (!sound) return fail(ErrorCode::kInvalidArgument, "\"{}\" is no time zone", name);
  }
  const auto bytes = read_file(std::filesystem::path(folder) / name, kFileBytesMax);
  if (!bytes) {
    return fail(ErrorCode::kNotFound, "unknown time zone {}: it is not in {} (package tzdata)",
                name, folder);
  }
  auto zone = parse(*bytes);
  if (!zone) return fail(std::move(zone).error().with_context("time zone " + name));
  return zone;
}

Result<TimeZone> TimeZone::of_rule(std::string_view text) {
  TimeZone zone;
  ASSIGN_OR_RETURN(zone.rule_, parse_zone_rule(text));
  return zone;
}

WallTime TimeZone::instant_of(std::chrono::local_seconds wall) const {
  const WallTime as_utc(wall.time_since_epoch());
  const auto before = offset_at(as_utc - days(1));
  for (const auto offset : {before, offset_at(as_utc + days(1))}) {
    if (offset_at(as_utc - offset) == offset) return as_utc - offset;
  }
  return as_utc - before;
}

std::chrono::seconds TimeZone::offset_at(WallTime time) const {
  const std::int64_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  const auto after = std::ranges::upper_bound(transitions_, seconds, {}, &Transition::from);
  if (after == transitions_.end() && rule_) {
    return std::chrono::seconds(offset_by_rule(*rule_, seconds));
  }
  if (after == transitions_.begin()) return std::chrono::seconds(first_offset_);
  return std::chrono::seconds(std::prev(after)->offset);
}

}  // namespace rage
