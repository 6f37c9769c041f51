// Failures that a simulated server commits on purpose: asked for by a request, or by chance.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"

namespace rage::simulator {

// Value.
struct Failure {
  enum class Kind {
    kStatus,              // "status:503": an answer with that status.
    kResetBeforeHeaders,  // "reset-before-headers": the connection ends without an answer.
    kResetMidStream,      // "reset-mid-stream:5": it ends after so many tokens (3).
    kHang,                // "hang": no answer until the client leaves.
    kHangMidStream,       // "hang-mid-stream:5": so many tokens (3), then nothing more.
  };
  Kind kind = Kind::kStatus;
  std::uint64_t number = 0;  // The status, or tokens.
  bool operator==(const Failure&) const = default;
};

struct FailureRule {
  Failure failure;
  double probability = 1;
};

// As above. kInvalidArgument otherwise; statuses are 400 to 599.
Result<Failure> parse_failure(std::string_view text);
// "status:503@0.05": five requests in a hundred.
Result<FailureRule> parse_failure_rule(std::string_view text);
// The rule that `draw`, evenly in [0, 1), falls on; the rules' probabilities add up.
std::optional<Failure> draw_failure(std::span<const FailureRule> rules, double draw);

}  // namespace rage::simulator
