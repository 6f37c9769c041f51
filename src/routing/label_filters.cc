// Filters by what an endpoint is: labels, roles, or the header that tests use.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "routing/detail/plugins.h"

namespace rage::routing::detail {
namespace {

constexpr std::string_view kRoleLabel = "llm-d.ai/role";
constexpr std::string_view kTestingHeader = "test-epp-endpoint-selection";

enum class Operator { kIn, kNotIn, kExists, kDoesNotExist };

struct Requirement {
  std::string key;
  Operator op = Operator::kIn;
  std::vector<std::string> values = {};
};

bool meets(const Endpoint& endpoint, const Requirement& requirement) {
  const auto label = endpoint.labels.find(requirement.key);
  const bool present = label != endpoint.labels.end();
  const auto listed = [&] {
    return std::ranges::find(requirement.values, label->second) != requirement.values.end();
  };
  switch (requirement.op) {
    case Operator::kIn:
      return present && listed();
    case Operator::kNotIn:
      return !present || !listed();
    case Operator::kExists:
      return present;
    case Operator::kDoesNotExist:
      return !present;
  }
  return false;
}

Requirement read_expression(ParameterReader& reader) {
  Requirement requirement{.key = reader.text("key"), .values = reader.texts("values")};
  if (requirement.key.empty()) reader.refuse("key", "is missing");
  const std::string op = reader.one_of("operator", {"In", "NotIn", "Exists", "DoesNotExist"});
  const bool takes_values = op == "In" || op == "NotIn";
  if (!reader.has("operator")) reader.refuse("operator", "is missing");
  if (takes_values == requirement.values.empty()) {
    reader.refuse("values", takes_values ? "is missing" : "has no meaning with this operator");
  }
  requirement.op = op == "In"       ? Operator::kIn
                   : op == "NotIn"  ? Operator::kNotIn
                   : op == "Exists" ? Operator::kExists
                                    : Operator::kDoesNotExist;
  return requirement;
}

// Without the label: kept only if `unlabelled` says so.
Plugin role_filter(std::vector<std::string_view> roles, bool unlabelled) {
  return {.filter = keep_if([=](const Cycle&, const Endpoint& endpoint) {
            const auto label = endpoint.labels.find(kRoleLabel);
            if (label == endpoint.labels.end()) return unlabelled;
            return std::ranges::find(roles, label->second) != roles.end();
          })};
}

// "10.0.0.1", "10.0.0.1:8000", "::1", "[::1]", "[::1]:8000".
bool names(std::string_view entry, const Endpoint& endpoint) {
  if (entry == endpoint.address || entry == endpoint.authority()) return true;
  return entry.size() == endpoint.address.size() + 2 && entry.front() == '[' &&
         entry.back() == ']' && entry.substr(1, entry.size() - 2) == endpoint.address;
}

}  // namespace

Plugin label_selector_filter(ParameterReader& parameters) {
  std::vector<Requirement> requirements;
  ParameterReader labels = parameters.child("matchLabels");
  for (const std::string& key : labels.keys()) {
    requirements.push_back({.key = key, .values = {labels.text(key)}});
  }
  for (ParameterReader& expression : parameters.children("matchExpressions")) {
    requirements.push_back(read_expression(expression));
  }
  // by-label, the oldest form.
  const std::string label = parameters.text("label");
  const std::vector<std::string> values = parameters.texts("validValues");
  const bool unlabelled = parameters.flag("allowsNoLabel", false);
  if (label.empty() && requirements.empty()) {
    parameters.refuse("matchLabels", "a selector needs at least one requirement");
  }
  return {.filter = keep_if([=](const Cycle&, const Endpoint& endpoint) {
            const auto meets_it = [&](const Requirement& one) { return meets(endpoint, one); };
            if (!std::ranges::all_of(requirements, meets_it)) return false;
            if (label.empty()) return true;
            const auto at = endpoint.labels.find(label);
            if (at == endpoint.labels.end()) return unlabelled;
            return std::ranges::find(values, at->second) != values.end();
          })};
}

Plugin decode_filter(ParameterReader&) {
  return role_filter({"decode", "prefill-decode", "both", "encode-prefill-decode"}, true);
}

Plugin prefill_filter(ParameterReader&) {
  return role_filter(
      {"prefill", "encode-prefill", "prefill-decode", "both", "encode-prefill-decode"}, false);
}

Plugin encode_filter(ParameterReader&) {
  return role_filter({"encode", "encode-prefill", "encode-prefill-decode"}, false);
}

// Several ports of one address stay several endpoints. Without the header all are kept.
Plugin header_based_testing_filter(ParameterReader&) {
  return {.filter = [](Cycle& cycle, Candidates& kept) {
    const std::string_view header = trim(cycle.header(kTestingHeader));
    if (header.empty()) return;
    const std::vector<std::string_view> entries = split(header, ',');
    std::erase_if(kept, [&](std::uint32_t i) {
      return std::ranges::none_of(
          entries, [&](std::string_view entry) { return names(trim(entry), cycle.endpoints[i]); });
    });
  }};
}

}  // namespace rage::routing::detail
