// The matches that share one path, in order of precedence, with an index by header value: models
// share a path by the hundred and differ in a header only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gatewayapi/route_table.h"

namespace rage::gatewayapi::detail {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

// One match of one rule. Borrows both.
struct Candidate {
  const Rule* rule = nullptr;
  const RouteMatch* match = nullptr;
  // Order of routes (age, then name), of rules in the route, of matches in the rule.
  std::uint32_t route = 0;
  std::uint32_t position = 0;
};

// Whether `a` comes before `b` if their paths are equally specific.
bool precedes(const Candidate& a, const Candidate& b);

// Everything but host and path.
bool holds(const RouteMatch& match, const RequestHead& request);

// Value. Thread-compatible.
class Candidates final {
 public:
  void add(const Candidate& candidate) { ordered_.push_back(candidate); }
  void seal();  // Once, after the last add().
  bool empty() const { return ordered_.empty(); }
  const Candidate* find(const RequestHead& request) const;  // Null: none holds.
  std::span<const Candidate> ordered() const { return ordered_; }

 private:
  using Positions = std::vector<std::uint32_t>;  // In ordered_, ascending.
  struct HeaderIndex {
    std::string name;
    TextMap<Positions> by_value;
  };

  std::uint32_t first_of(const Positions& positions, const RequestHead& request,
                         std::uint32_t limit) const;

  std::vector<Candidate> ordered_;
  std::vector<HeaderIndex> indexes_;
  Positions others_;  // Not in an index.
};

}  // namespace rage::gatewayapi::detail
