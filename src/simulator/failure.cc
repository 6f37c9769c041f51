#include "simulator/failure.h"

#include <array>
#include <string>
#include <utility>

#include "base/strings.h"

namespace rage::simulator {
namespace {

constexpr std::uint64_t kTokensByDefault = 3;
constexpr std::uint64_t kTokensMax = 1'000'000;

using Kind = Failure::Kind;
constexpr std::array<std::pair<std::string_view, Kind>, 5> kKinds = {{
    {"status", Kind::kStatus},
    {"reset-before-headers", Kind::kResetBeforeHeaders},
    {"reset-mid-stream", Kind::kResetMidStream},
    {"hang", Kind::kHang},
    {"hang-mid-stream", Kind::kHangMidStream},
}};

std::unexpected<Error> unknown(std::string_view text) {
  return fail(ErrorCode::kInvalidArgument,
              "'{}' is no failure; there are status:CODE (400 to 599), reset-before-headers, "
              "reset-mid-stream[:TOKENS], hang and hang-mid-stream[:TOKENS]",
              text);
}

}  // namespace

Result<Failure> parse_failure(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const bool has_number = colon != std::string_view::npos;
  const auto number = has_number ? parse_uint(text.substr(colon + 1)) : std::nullopt;
  if (has_number && !number) return unknown(text);
  for (const auto& [known, kind] : kKinds) {
    if (name != known) continue;
    switch (kind) {
      case Kind::kStatus:
        if (!number || *number < 400 || *number > 599) return unknown(text);
        return Failure{.kind = kind, .number = *number};
      case Kind::kResetMidStream:
      case Kind::kHangMidStream:
        if (number && *number > kTokensMax) return unknown(text);
        return Failure{.kind = kind, .number = number.value_or(kTokensByDefault)};
      case Kind::kResetBeforeHeaders:
      case Kind::kHang:
        if (has_number) return unknown(text);
        return Failure{.kind = kind};
    }
  }
  return unknown(text);
}

Result<FailureRule> parse_failure_rule(std::string_view text) {
  const std::size_t at = text.find('@');
  ASSIGN_OR_RETURN(const Failure failure, parse_failure(text.substr(0, at)));
  if (at == std::string_view::npos) return FailureRule{.failure = failure};
  const auto probability = parse_double(text.substr(at + 1));
  if (!probability || !(*probability >= 0 && *probability <= 1)) {
    return fail(ErrorCode::kInvalidArgument, "'{}': a probability is from 0 to 1", text);
  }
  return FailureRule{.failure = failure, .probability = *probability};
}

std::optional<Failure> draw_failure(std::span<const FailureRule> rules, double draw) {
  for (const FailureRule& rule : rules) {
    if (draw < rule.probability) return rule.failure;
    draw -= rule.probability;
  }
  return std::nullopt;
}

}  // namespace rage::simulator
