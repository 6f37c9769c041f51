// The shapes of secrets, from what their issuers document. Private to the room.
#pragma once

#include <span>
#include <string_view>

namespace rage::guardrails {

enum class SecretShape {
  kWhole,     // All of the match.
  kGroup,     // Its first group.
  kAssigned,  // Its first group, unless that is a placeholder.
  kRandom,    // Its first group, if it is too random for words.
};

struct SecretPattern {
  std::string_view name;
  SecretShape shape;
  std::string_view pattern;
};

extern const std::span<const SecretPattern> kSecretPatterns;

}  // namespace rage::guardrails
