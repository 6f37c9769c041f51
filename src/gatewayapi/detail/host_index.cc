#include "gatewayapi/detail/host_index.h"

#include <algorithm>

namespace rage::gatewayapi::detail {
namespace {

// Takes the next element off a path that begins with '/'; `rest` is empty at the end.
std::string_view take_element(std::string_view& rest) {
  rest.remove_prefix(1);
  const std::string_view element = rest.substr(0, std::min(rest.find('/'), rest.size()));
  rest.remove_prefix(element.size());
  return element;
}

}  // namespace

std::optional<std::uint32_t> PrefixTree::child_of(std::uint32_t node,
                                                  std::string_view element) const {
  const auto& children = nodes_[node].children;
  const auto at = std::ranges::lower_bound(
      children, element, {}, [](const auto& child) { return std::string_view(child.first); });
  if (at == children.end() || at->first != element) return std::nullopt;
  return at->second;
}

void PrefixTree::add(std::string_view prefix, const Candidate& candidate) {
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  std::uint32_t node = 0;
  std::string_view rest = prefix;
  while (rest.starts_with('/')) {
    const std::string_view element = take_element(rest);
    std::optional<std::uint32_t> child = child_of(node, element);
    if (!child) {
      child = static_cast<std::uint32_t>(nodes_.size());
      auto& children = nodes_[node].children;
      const auto at = std::ranges::lower_bound(
          children, element, {}, [](const auto& c) { return std::string_view(c.first); });
      children.insert(at, {std::string(element), *child});
      Node added;
      added.prefix = std::string(prefix.substr(0, prefix.size() - rest.size()));
      added.parent = node;
      nodes_.push_back(std::move(added));
    }
    node = *child;
  }
  nodes_[node].candidates.add(candidate);
}

void PrefixTree::seal() {
  for (Node& node : nodes_) node.candidates.seal();
}

std::optional<Match> PrefixTree::find(const RequestHead& request) const {
  std::uint32_t node = 0;
  std::string_view rest = request.path;
  while (rest.starts_with('/')) {
    const std::optional<std::uint32_t> child = child_of(node, take_element(rest));
    if (!child) break;
    node = *child;
  }
  for (;; node = nodes_[node].parent) {
    if (const Candidate* found = nodes_[node].candidates.find(request)) {
      return Match{.rule = found->rule, .matched_prefix = nodes_[node].prefix};
    }
    if (node == 0) return std::nullopt;
  }
}

void HostIndex::add(const Candidate& candidate) {
  const PathMatch& path = candidate.match->path;
  switch (path.kind) {
    case PathKind::kExact:
      exact_[path.value].add(candidate);
      return;
    case PathKind::kRegularExpression:
      regexes_.push_back(candidate);
      return;
    case PathKind::kPrefix:
      prefixes_.add(path.value, candidate);
      return;
  }
}

void HostIndex::seal() {
  for (auto& [path, candidates] : exact_) candidates.seal();
  std::ranges::sort(regexes_, [](const Candidate& a, const Candidate& b) {
    const std::size_t left = a.match->path.value.size();
    const std::size_t right = b.match->path.value.size();
    return left != right ? left > right : precedes(a, b);
  });
  prefixes_.seal();
}

std::optional<Match> HostIndex::find(const RequestHead& request) const {
  const auto exact = exact_.find(request.path);
  if (exact != exact_.end()) {
    if (const Candidate* found = exact->second.find(request)) return Match{.rule = found->rule};
  }
  for (const Candidate& candidate : regexes_) {
    if (holds(*candidate.match, request) && candidate.match->path.regex.matches(request.path)) {
      return Match{.rule = candidate.rule};
    }
  }
  return prefixes_.find(request);
}

}  // namespace rage::gatewayapi::detail
