// What one hostname pattern answers: matches found by path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gatewayapi/detail/candidates.h"

namespace rage::gatewayapi::detail {

// Prefixes of whole path elements. A request walks down once, element by element, and goes back up
// from the longest prefix to the shortest; nothing is allocated.
class PrefixTree final {
 public:
  PrefixTree() : nodes_(1) { nodes_[0].prefix = "/"; }
  void add(std::string_view prefix, const Candidate& candidate);
  void seal();
  std::optional<Match> find(const RequestHead& request) const;

 private:
  struct Node {
    std::string prefix;  // Without trailing '/', but for the root.
    Candidates candidates;
    std::vector<std::pair<std::string, std::uint32_t>> children;  // By element, ascending.
    std::uint32_t parent = 0;
  };
  std::optional<std::uint32_t> child_of(std::uint32_t node, std::string_view element) const;

  std::vector<Node> nodes_;
};

// Value. Thread-compatible.
class HostIndex final {
 public:
  void add(const Candidate& candidate);
  void seal();
  std::optional<Match> find(const RequestHead& request) const;

 private:
  TextMap<Candidates> exact_;
  std::vector<Candidate> regexes_;  // In order of precedence.
  PrefixTree prefixes_;
};

}  // namespace rage::gatewayapi::detail
