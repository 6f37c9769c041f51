// Text that arrives in pieces, passed on in whole sentences. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace rage::assistant {

// Value. One thread. Nothing is lost or changed: what comes out, joined, is what went in.
class SentenceBuffer final {
 public:
  // What is complete now, with the white space behind it; empty if nothing is. A sentence that has
  // grown past 1,000 bytes is cut between words.
  std::string feed(std::string_view piece);
  // The rest.
  std::string finish() { return std::exchange(text_, {}); }

 private:
  std::string text_;
};

}  // namespace rage::assistant
