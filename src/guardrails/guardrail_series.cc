#include "guardrails/guardrail_series.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace rage::guardrails {
namespace {

constexpr const char* kStatuses[] = {"success", "missing", "invalid", "load_failed"};
constexpr const char* kResults[] = {"success", "failure", "noop"};
constexpr FinalAction kFinalActions[] = {FinalAction::kAllow, FinalAction::kRedact,
                                         FinalAction::kBlock, FinalAction::kFailClosed};

}  // namespace

GuardrailSeries::GuardrailSeries()
    : loaded_at_(registry_.gauge("guardrails_policy_loaded_timestamp_seconds",
                                 "When the policy in force was loaded.")) {
  for (std::size_t i = 0; i < std::size(kStatuses); ++i) {
    loads_[i] = &registry_.counter("output_guardrails_policy_load_total", "Loads of a policy file.",
                                   {{"policy_status", kStatuses[i]}});
  }
  for (std::size_t i = 0; i < std::size(kResults); ++i) {
    reloads_[i] = &registry_.counter("guardrails_policy_reload_total",
                                     "Changes of the policy file, by what came of them.",
                                     {{"result", kResults[i]}});
  }
  for (const FinalAction action : kFinalActions) {
    const auto i = static_cast<std::size_t>(action);
    final_actions_[i] = &registry_.counter("ragengine_guardrails_response_actions_total",
                                           "Scanned replies, by what came of them.",
                                           {{"final_action", std::string(name_of(action))}});
    if (action == FinalAction::kAllow) continue;
    actions_[i] = &registry_.counter("output_guardrails_actions_total",
                                     "Replies that were not passed on as they were.",
                                     {{"action", std::string(name_of(action))}});
  }
  std::vector<std::string> types = scanner_types();
  for (const std::string& type : types) {
    for (const Action action : {Action::kRedact, Action::kBlock}) {
      hits_[{type, action}] = &registry_.counter(
          "ragengine_guardrails_response_scanner_hits_total", "Replies in which a scanner hit.",
          {{"scanner_type", type}, {"action", std::string(name_of(action))}});
    }
  }
  types.emplace_back("unknown");
  for (const std::string& type : types) {
    for (const bool success : {true, false}) {
      builds_[{type, success}] = &registry_.counter(
          "output_guardrails_scanner_build_total", "Scanners of loaded policies.",
          {{"type", type}, {"status", success ? "success" : "failure"}});
    }
  }
}

void GuardrailSeries::built(const std::string& type, bool success) {
  const auto found = builds_.find({type, success});
  (found != builds_.end() ? found->second : builds_.at({"unknown", success}))->add();
}

void GuardrailSeries::finished(FinalAction action) {
  const auto i = static_cast<std::size_t>(action);
  final_actions_[i]->add();
  if (actions_[i] != nullptr) actions_[i]->add();
}

void GuardrailSeries::active(const std::string& path, const Policy* policy) {
  std::string escaped;  // As label values are.
  for (const char c : path) {
    if (c == '\\' || c == '"') escaped.push_back('\\');
    escaped.push_back(c == '\n' ? ' ' : c);
  }
  std::string text = fmt::format(
      "# HELP guardrails_active_policy_info The policy in force.\n"
      "# TYPE guardrails_active_policy_info gauge\n"
      "guardrails_active_policy_info{{path=\"{}\",sha256=\"{}\",enabled=\"{}\","
      "scanner_count=\"{}\"}} 1\n",
      escaped, policy != nullptr ? policy->sha256 : "none", policy != nullptr,
      policy != nullptr ? policy->scanners.size() : 0);
  active_.with([&](std::string& active) { active = std::move(text); });
}

std::string GuardrailSeries::render() const {
  return registry_.render() + active_.with([](const std::string& text) { return text; });
}

}  // namespace rage::guardrails
