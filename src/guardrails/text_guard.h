// One text through all scanners of a policy, in the policy's order, each on what the one before it
// left. Whole or in pieces: what comes out is the same.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guardrails/scanners.h"

namespace rage::guardrails {

// More than a model says in one reply; what is longer is not looked at and not let through.
inline constexpr std::size_t kTextBytesMax = std::size_t{4} << 20;

enum class FinalAction { kAllow, kRedact, kBlock, kFailClosed };
std::string_view name_of(FinalAction action);

// What came of one reply, in all its texts.
struct Outcome {
  FinalAction action = FinalAction::kAllow;
  std::vector<bool> hits;  // By the policy's scanners.

  void raise(FinalAction to) { action = std::max(action, to); }
  void add(const Outcome& other);
};

// Resource. One thread. Bytes that are not UTF-8 become U+FFFD. White space alone is never a hit.
class TextGuard final {
 public:
  // Both outlive it. Scanners of Reach::kContent are left out unless the text is content.
  TextGuard(const Policy& policy, Reach reach, Outcome& outcome);

  // What may be shown of the text so far that was not given before.
  std::string feed(std::string_view text);
  std::string finish();
  // From here on nothing more is given: a scanner blocked it, or it is too long (kFailClosed).
  bool blocked() const { return blocked_; }

 private:
  struct Step {
    std::size_t scanner = 0;
    std::unique_ptr<Stage> stage;
  };
  std::string take(std::string_view text);
  // Through the stages from `first` on.
  void run(std::size_t first, std::string text, bool ends, std::string& out);
  void note_hits();

  Outcome& outcome_;
  std::vector<Step> steps_;
  std::string partial_;  // The beginning of a character.
  std::string leading_;  // White space before the first word.
  std::size_t bytes_ = 0;
  bool begun_ = false;
  bool blocked_ = false;
};

// A whole text. None if it is blocked.
std::optional<std::string> guard_text(const Policy& policy, Reach reach, std::string_view text,
                                      Outcome& outcome);

}  // namespace rage::guardrails
