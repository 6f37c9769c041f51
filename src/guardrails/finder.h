// Finds what regular expressions describe, in a whole text or in one that is still arriving, with
// the same result. Over RE2: time is linear in the text for each search.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "guardrails/open_pattern.h"

namespace rage::guardrails {

// Value. Bytes of a text.
struct Finding {
  std::size_t begin = 0;
  std::size_t end = 0;
  int kind = 0;
  auto operator<=>(const Finding&) const = default;
};

// What a pattern matched. `value`: its first group if the detector asks for that, else all of it.
struct Candidate {
  std::string_view text;
  Finding match;
  Finding value;
};

// Appends what of a candidate is found; looks at no more than one character beyond the match.
using Refine = std::function<void(const Candidate&, std::vector<Finding>&)>;

struct Detector {
  std::string pattern;
  int kind = 0;
  Refine refine = {};  // None: the value.
  Lookahead lookahead = Lookahead::kNone;
  enum class Value { kMatch, kFirstGroup };
  Value value = Value::kMatch;
  // Where the search goes on after a candidate of which nothing was found.
  enum class Rejected { kSkip, kLookInside };
  Rejected rejected = Rejected::kSkip;
};

// Is there more text to come?
enum class Ending { kMore, kEnd };

// Findings of the text before `decided`, in order of their beginning; they may overlap, but none
// reaches beyond it. No continuation of the text can change them.
struct Scan {
  std::vector<Finding> findings;
  std::size_t decided = 0;
};

inline constexpr std::size_t kPatternBytesMax = 4096;

// Value. Immutable, thread-safe.
class Finder final {
 public:
  // kInvalidArgument for what is no pattern of RE2, one longer than kPatternBytesMax, or one that
  // matches the empty text.
  static Result<Finder> create(std::vector<Detector> detectors);

  // False if one of its patterns can only be looked for in a whole text.
  bool streams() const;
  // Text before `from` is decided already and serves as context. Unless it streams, `decided` stays
  // `from` until the end.
  Scan scan(std::string_view text, std::size_t from, Ending ending) const;

 private:
  struct Compiled;
  explicit Finder(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

// What is found in the whole text; overlapping findings are merged, of the longest's kind. Pure.
std::vector<Finding> find_all(const Finder& finder, std::string_view text);

// Sorted findings, those that overlap made one.
std::vector<Finding> merge_overlapping(std::vector<Finding> findings);

}  // namespace rage::guardrails
