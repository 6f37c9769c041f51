#include "routing/detail/parameter_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <deque>
#include <set>
#include <utility>

#include "base/strings.h"

namespace rage::routing::detail {
namespace {

using codec::Json;

// Doubles hold whole numbers exactly up to here.
constexpr double kExactMax = 9007199254740992.0;

struct Suffix {
  std::string_view text;
  double factor;
};

constexpr std::array kQuantitySuffixes = {
    Suffix{"Ki", 1024.0},
    Suffix{"Mi", 1048576.0},
    Suffix{"Gi", 1073741824.0},
    Suffix{"Ti", 1099511627776.0},
    Suffix{"Pi", 1125899906842624.0},
    Suffix{"m", 1e-3},
    Suffix{"k", 1e3},
    Suffix{"M", 1e6},
    Suffix{"G", 1e9},
    Suffix{"T", 1e12},
    Suffix{"P", 1e15},
};

// "1", "0.5", ".5"; no sign, no exponent.
std::optional<double> parse_decimal(std::string_view text) {
  bool digits = false;
  int points = 0;
  for (const char c : text) {
    digits = digits || is_ascii_digit(c);
    if (c == '.') ++points;
    if (c != '.' && !is_ascii_digit(c)) return std::nullopt;
  }
  if (!digits || points > 1 || text.size() > 40) return std::nullopt;
  return parse_double(text.front() == '.' ? "0" + std::string(text) : std::string(text));
}

std::optional<double> parse_scaled(std::string_view text) {
  for (const auto& [suffix, factor] : kQuantitySuffixes) {
    if (!text.ends_with(suffix)) continue;
    const auto number = parse_decimal(text.substr(0, text.size() - suffix.size()));
    return number ? std::optional(*number * factor) : std::nullopt;
  }
  const std::size_t e = text.find_first_of("eE");
  if (e == std::string_view::npos) return parse_decimal(text);
  const auto mantissa = parse_decimal(text.substr(0, e));
  const auto exponent = parse_uint(text.substr(e + 1));
  if (!mantissa || !exponent || *exponent > 18) return std::nullopt;
  return *mantissa * std::pow(10.0, static_cast<double>(*exponent));
}

constexpr std::array kDurationUnits = {
    Suffix{"ns", 1e-6}, Suffix{"us", 1e-3}, Suffix{"µs", 1e-3}, Suffix{"ms", 1.0},
    Suffix{"s", 1e3},   Suffix{"m", 6e4},   Suffix{"h", 3.6e6},
};

}  // namespace

std::optional<std::uint64_t> parse_quantity(std::string_view text) {
  const auto value = parse_scaled(text);
  if (!value || *value > kExactMax) return std::nullopt;
  return static_cast<std::uint64_t>(std::ceil(*value));
}

std::optional<std::chrono::milliseconds> parse_go_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const std::size_t unit_at = text.find_first_not_of("0123456789.");
    if (unit_at == std::string_view::npos) return std::nullopt;
    const std::size_t next = text.find_first_of("0123456789.", unit_at);
    const std::string_view unit = text.substr(unit_at, next - unit_at);
    const auto number = parse_decimal(text.substr(0, unit_at));
    double factor = 0;
    for (const auto& [name, milliseconds] : kDurationUnits) {
      if (name == unit) factor = milliseconds;
    }
    if (!number || factor == 0) return std::nullopt;
    total += *number * factor;
    text.remove_prefix(next == std::string_view::npos ? text.size() : next);
  }
  if (total > kExactMax / 1e6) return std::nullopt;  // Go's limit, 292 years of nanoseconds.
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(total)));
}

struct ParameterReader::Node {
  const Json* object;  // Null: absent.
  std::string path;
  std::set<std::string, std::less<>> known = {};
};

struct ParameterReader::Findings {
  std::deque<Node> nodes;  // Does not move them.
  std::string error;
};

ParameterReader::ParameterReader(const Json& object, std::string path)
    : ParameterReader(std::make_shared<Findings>(), &object, std::move(path)) {}

ParameterReader::ParameterReader(std::shared_ptr<Findings> findings, const Json* object,
                                 std::string path)
    : findings_(std::move(findings)) {
  if (object != nullptr && !object->is_object()) {
    if (!object->is_null() && findings_->error.empty()) {
      findings_->error = path + ": must be an object";
    }
    object = nullptr;
  }
  node_ = &findings_->nodes.emplace_back(Node{.object = object, .path = std::move(path)});
}

const Json* ParameterReader::find(std::string_view key) {
  node_->known.emplace(key);
  if (node_->object == nullptr) return nullptr;
  const Json* value = codec::find_key(*node_->object, key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool ParameterReader::has(std::string_view key) {
  return find(key) != nullptr;
}

std::string ParameterReader::path_of(std::string_view key) const {
  return node_->path.empty() ? std::string(key) : fmt::format("{}.{}", node_->path, key);
}

void ParameterReader::refuse(std::string_view key, std::string_view why) {
  if (findings_->error.empty()) findings_->error = fmt::format("{}: {}", path_of(key), why);
}

std::string ParameterReader::text(std::string_view key, std::string_view fallback) {
  const Json* value = find(key);
  if (value == nullptr) return std::string(fallback);
  if (value->is_string()) return value->get<std::string>();
  refuse(key, "must be a string");
  return std::string(fallback);
}

std::string ParameterReader::one_of(std::string_view key, std::vector<std::string_view> values) {
  std::string value = text(key, values.front());
  for (const std::string_view allowed : values) {
    if (value == allowed) return value;
  }
  refuse(key, fmt::format("'{}' is none of {}", value, fmt::join(values, ", ")));
  return std::string(values.front());
}

bool ParameterReader::flag(std::string_view key, bool fallback) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  refuse(key, "must be true or false");
  return fallback;
}

double ParameterReader::number(std::string_view key, double fallback, NumberLimits limits) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) {
    refuse(key, "must be a number");
    return fallback;
  }
  const auto number = value->get<double>();
  if (number >= limits.min && number <= limits.max) return number;
  refuse(key, limits.max == NumberLimits{}.max
                  ? fmt::format("must be at least {}", limits.min)
                  : fmt::format("must be from {} to {}", limits.min, limits.max));
  return fallback;
}

std::uint64_t ParameterReader::whole(std::string_view key, std::uint64_t fallback,
                                     std::uint64_t max) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  const bool negative =
      value->is_number_integer() && !value->is_number_unsigned() && value->get<std::int64_t>() < 0;
  if (value->is_number_integer() && !negative && value->get<std::uint64_t>() <= max) {
    return value->get<std::uint64_t>();
  }
  refuse(key, fmt::format("must be a whole number from 0 to {}", max));
  return fallback;
}

std::int64_t ParameterReader::integer(std::string_view key, std::int64_t fallback) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_number_integer() &&
      !(value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX)) {
    return value->get<std::int64_t>();
  }
  refuse(key, "must be a whole number");
  return fallback;
}

std::vector<std::string> ParameterReader::texts(std::string_view key) {
  std::vector<std::string> texts;
  const Json* value = find(key);
  if (value == nullptr) return texts;
  if (!value->is_array()) refuse(key, "must be a list of strings");
  for (const Json& item : *value) {
    if (item.is_string()) {
      texts.push_back(item.get<std::string>());
    } else {
      refuse(key, "must be a list of strings");
    }
  }
  return texts;
}

std::optional<std::uint64_t> ParameterReader::quantity(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  std::optional<std::uint64_t> quantity;
  if (value->is_string()) quantity = parse_quantity(value->get<std::string>());
  if (value->is_number()) quantity = parse_quantity(value->dump());
  if (!quantity) refuse(key, "must be a quantity such as \"10Gi\", not negative");
  return quantity;
}

std::optional<std::chrono::milliseconds> ParameterReader::duration(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  std::optional<std::chrono::milliseconds> duration;
  if (value->is_string()) duration = parse_go_duration(value->get<std::string>());
  if (!duration) refuse(key, "must be a duration such as \"1m30s\", not negative");
  return duration;
}

ParameterReader ParameterReader::child(std::string_view key) {
  const Json* value = find(key);
  return {findings_, value, path_of(key)};
}

std::vector<ParameterReader> ParameterReader::children(std::string_view key) {
  std::vector<ParameterReader> children;
  const Json* value = find(key);
  if (value == nullptr) return children;
  if (!value->is_array()) {
    refuse(key, "must be a list");
    return children;
  }
  for (const Json& item : *value) {
    std::string path = fmt::format("{}[{}]", path_of(key), children.size());
    if (item.is_null()) refuse(key, "has an empty entry");
    children.push_back(ParameterReader(findings_, &item, std::move(path)));
  }
  return children;
}

std::vector<std::string> ParameterReader::keys() {
  std::vector<std::string> keys;
  if (node_->object == nullptr) return keys;
  for (const auto& item : node_->object->items()) {
    keys.push_back(item.key());
    node_->known.insert(item.key());
  }
  return keys;
}

Result<void> ParameterReader::finish() const {
  if (!findings_->error.empty()) return fail(ErrorCode::kInvalidArgument, findings_->error);
  for (const Node& node : findings_->nodes) {
    if (node.object == nullptr) continue;
    for (const auto& item : node.object->items()) {
      if (node.known.contains(item.key())) continue;
      return fail(ErrorCode::kInvalidArgument, "{}{}unknown field '{}'; known: {}", node.path,
                  node.path.empty() ? "" : ": ", item.key(), fmt::join(node.known, ", "));
    }
  }
  return {};
}

}  // namespace rage::routing::detail
