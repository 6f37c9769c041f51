// A policy made ready: patterns compiled, once, for all replies.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "guardrails/policy.h"
#include "guardrails/stage.h"

namespace rage::guardrails {

// Which texts a scanner is for: those that look for something are for all, those that judge an
// answer as a whole for its content alone.
enum class Reach { kEveryText, kContent };

struct Scanner {
  std::string type;
  Action action = Action::kRedact;
  Reach reach = Reach::kEveryText;
  std::function<std::unique_ptr<Stage>()> make_stage;
};

// Value. Immutable, thread-safe.
struct Policy {
  std::string block_message;
  std::string sha256;  // Of the file, in hex.
  std::vector<Scanner> scanners;
  std::vector<std::string> warnings;
};

// kInvalidArgument, naming the scanner, for patterns that RE2 does not take. `failed_types` as for
// parse_policy().
Result<std::shared_ptr<const Policy>> load_policy(std::string_view yaml,
                                                  std::vector<std::string>* failed_types = nullptr);

}  // namespace rage::guardrails
