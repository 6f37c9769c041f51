#include "rag/grounding.h"

namespace rage::rag {

std::optional<GroundingMode> parse_grounding_mode(std::string_view name) {
  if (name == "strict") return GroundingMode::kStrict;
  if (name == "assist") return GroundingMode::kAssist;
  if (name == "off" || name == "compat") return GroundingMode::kOff;
  return std::nullopt;
}

std::string_view grounding_mode_name(GroundingMode mode) {
  switch (mode) {
    case GroundingMode::kStrict:
      return "strict";
    case GroundingMode::kAssist:
      return "assist";
    case GroundingMode::kOff:
      return "off";
  }
  return {};
}

}  // namespace rage::rag
