// Looks for findings in a text that arrives in pieces, and lets go of what is decided at once.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "guardrails/finder.h"

namespace rage::guardrails {

// Value. A stretch of text, or what was found in it.
struct Piece {
  std::string text;
  bool found = false;
  int kind = 0;
};

// Value. One thread. The pieces it gives are the text, in order; their borders and what is found do
// not depend on how the text was cut (only a stretch without findings may come in several pieces).
class Window final {
 public:
  explicit Window(Finder finder) : finder_(std::move(finder)) {}

  std::vector<Piece> feed(std::string_view text);
  std::vector<Piece> finish();
  // Everything that is decided by now, and another finder for the rest.
  std::vector<Piece> change(Finder finder);

 private:
  std::vector<Piece> scan(Ending ending);

  Finder finder_;
  std::string buffer_;       // Context, then what is not decided yet.
  std::size_t from_ = 0;     // Where the context ends.
  std::size_t scan_at_ = 0;  // Not before the buffer is this long: long waits cost little.
};

}  // namespace rage::guardrails
