// What a policy file says: KAITO's format for output guardrails. Parsing is pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "guardrails/secrets.h"
#include "guardrails/sensitive.h"
#include "guardrails/stage.h"

namespace rage::guardrails {

inline constexpr std::size_t kPolicyBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kScannersMax = 64;
inline constexpr std::size_t kEntriesMax = 1024;  // Patterns or substrings of one scanner.
inline constexpr std::string_view kBlockMessage =
    "The model output was blocked by output guardrails.";

struct RegexRules {
  std::vector<std::string> patterns;
  enum class Match { kSearch, kFullMatch, kAll } match = Match::kSearch;
  bool is_blocked = true;  // False: what matches none of them is a hit.
};
struct SubstringRules {
  std::vector<std::string> substrings;
  enum class Match { kWord, kString } match = Match::kWord;
  bool case_sensitive = false;
  bool contains_all = false;
};
struct InvisibleRules {};
struct SecretRules {
  SecretStyle style = SecretStyle::kAll;
};
struct SensitiveRules {
  std::vector<Sensitive> detectors;
};
struct JsonRules {
  std::size_t required_elements = 0;
  bool repair = true;
};
struct ReadingTimeRules {
  double minutes_max = 0;
  bool truncate = false;
};
struct TokenRules {
  std::size_t limit = 4096;
};

using Rules = std::variant<RegexRules, SubstringRules, InvisibleRules, SecretRules, SensitiveRules,
                           JsonRules, ReadingTimeRules, TokenRules>;

struct ScannerRules {
  std::string type;  // "ban_substrings"
  Action action = Action::kRedact;
  Rules rules;
};

// Value.
struct PolicyRules {
  std::string block_message{kBlockMessage};
  std::vector<ScannerRules> scanners;
  std::vector<std::string> warnings;  // What was read in another way than it was written.
};

// The names of the eight scanners.
const std::vector<std::string>& scanner_types();

// kInvalidArgument for what is no mapping, and for any scanner that cannot be understood: all of
// them are named, because a scanner that is left out lets through what it was to stop.
// `failed_types`, if given, gets the types of those scanners.
Result<PolicyRules> parse_policy(std::string_view yaml,
                                 std::vector<std::string>* failed_types = nullptr);

// "redactMode", "redact-mode" and "redact_mode" are one name.
std::string normalized_name(std::string_view name);

}  // namespace rage::guardrails
