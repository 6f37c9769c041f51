// What a pass found out, for a condition.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "apis/meta.h"

namespace rage::op::detail {

// Value. Whether something is so, and why.
struct Fact {
  bool ok = false;
  std::string reason;
  std::string message;
};

inline apis::Condition condition_of(std::string_view type, const Fact& fact,
                                    std::int64_t generation) {
  return {.type = std::string(type),
          .status = fact.ok ? apis::ConditionStatus::kTrue : apis::ConditionStatus::kFalse,
          .reason = fact.reason,
          .message = fact.message,
          .observed_generation = generation};
}

}  // namespace rage::op::detail
