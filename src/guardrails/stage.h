// One scanner's work on one text that arrives in pieces. However the text is cut, what a stage
// gives in all is the same.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "guardrails/finder.h"

namespace rage::guardrails {

enum class Action { kRedact, kBlock };
std::string_view name_of(Action action);

// Resource. One thread. Pure but for its own state.
class Stage {
 public:
  virtual ~Stage() = default;
  // Appends to `out` what of the text is decided. Nothing more is given once blocked.
  virtual void feed(std::string_view text, std::string& out) = 0;
  virtual void finish(std::string& out) = 0;
  virtual bool hit() const = 0;
  virtual bool blocked() const = 0;
};

// What stands for something found.
using Replace = std::function<std::string(int kind, std::string_view found)>;

// What is found is replaced, or the text ends before it (Action::kBlock).
std::unique_ptr<Stage> make_finder_stage(Finder finder, Action action, Replace replace);

// As above, and what was found once is replaced from there on wherever it stands.
std::unique_ptr<Stage> make_secrets_stage(Finder finder, Action action, Replace replace);

// What a scanner says of a whole text. `replaced`: what it makes of it; none: it stays as it is.
struct WholeVerdict {
  bool hit = false;
  std::optional<std::string> replaced = std::nullopt;
};
using WholeScan = std::function<WholeVerdict(std::string_view text)>;

// Holds the text until its end.
std::unique_ptr<Stage> make_whole_stage(WholeScan scan, Action action);

// Takes out what nobody sees: characters of category Cf, Co and Cn.
std::unique_ptr<Stage> make_invisible_stage(Action action);

// Ends the text after `limit` tokens, counted as text_tokens.h does; the limit itself is a hit.
std::unique_ptr<Stage> make_token_stage(std::size_t limit, Action action);

}  // namespace rage::guardrails
