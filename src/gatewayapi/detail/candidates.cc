#include "gatewayapi/detail/candidates.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "gatewayapi/detail/query.h"

namespace rage::gatewayapi::detail {
namespace {

// Below that, looking at each is quicker than an index.
constexpr std::size_t kIndexFrom = 5;

bool value_holds(const ValueMatch& match, std::string_view value) {
  if (match.kind == ValueMatch::Kind::kExact) return match.value == value;
  return match.regex.matches(value);
}

bool header_holds(const ValueMatch& match, const RequestHead& request) {
  const std::optional<std::string_view> value = request.header(match.name);
  return value && value_holds(match, *value);
}

bool parameter_holds(const ValueMatch& match, const RequestHead& request) {
  const std::optional<std::string_view> value = find_first_parameter(request.query, match.name);
  if (!value) return false;
  if (match.kind == ValueMatch::Kind::kExact) return decodes_to(*value, match.value);
  return match.regex.matches(decode_parameter(*value));
}

}  // namespace

bool precedes(const Candidate& a, const Candidate& b) {
  const auto key = [](const Candidate& c) {
    // Smaller is earlier: with a method, then many headers, then many parameters.
    return std::make_tuple(c.match->method.empty(), -static_cast<int>(c.match->headers.size()),
                           -static_cast<int>(c.match->query.size()), c.route, c.position);
  };
  return key(a) < key(b);
}

bool holds(const RouteMatch& match, const RequestHead& request) {
  if (!match.method.empty() && match.method != request.method) return false;
  return std::ranges::all_of(match.headers,
                             [&](const ValueMatch& m) { return header_holds(m, request); }) &&
         std::ranges::all_of(match.query,
                             [&](const ValueMatch& m) { return parameter_holds(m, request); });
}

void Candidates::seal() {
  std::ranges::sort(ordered_, precedes);
  // The header with the most values tells candidates apart best.
  std::map<std::string_view, std::set<std::string_view>> values;
  for (const Candidate& candidate : ordered_) {
    for (const ValueMatch& header : candidate.match->headers) {
      if (header.kind == ValueMatch::Kind::kExact) values[header.name].insert(header.value);
    }
  }
  const bool indexed = ordered_.size() >= kIndexFrom;
  std::map<std::string_view, std::size_t> index_of;  // By header name.
  for (std::uint32_t i = 0; i < ordered_.size(); ++i) {
    const ValueMatch* best = nullptr;
    for (const ValueMatch& header : ordered_[i].match->headers) {
      if (!indexed || header.kind != ValueMatch::Kind::kExact) continue;
      if (best == nullptr || values[header.name].size() > values[best->name].size()) {
        best = &header;
      }
    }
    if (best == nullptr) {
      others_.push_back(i);
      continue;
    }
    const auto [at, added] = index_of.try_emplace(best->name, indexes_.size());
    if (added) indexes_.push_back({.name = best->name, .by_value = {}});
    indexes_[at->second].by_value[best->value].push_back(i);
  }
}

std::uint32_t Candidates::first_of(const Positions& positions, const RequestHead& request,
                                   std::uint32_t limit) const {
  for (const std::uint32_t position : positions) {
    if (position >= limit) break;
    if (holds(*ordered_[position].match, request)) return position;
  }
  return limit;
}

const Candidate* Candidates::find(const RequestHead& request) const {
  const auto none = static_cast<std::uint32_t>(ordered_.size());
  std::uint32_t best = none;
  for (const HeaderIndex& index : indexes_) {
    const std::optional<std::string_view> value = request.header(index.name);
    if (!value) continue;
    const auto found = index.by_value.find(*value);
    if (found != index.by_value.end()) best = first_of(found->second, request, best);
  }
  best = first_of(others_, request, best);
  return best == none ? nullptr : &ordered_[best];
}

}  // namespace rage::gatewayapi::detail
