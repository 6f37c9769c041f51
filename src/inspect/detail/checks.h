// The doctor's checks: each looks at one kind of cause and adds what it finds. Pure.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "inspect/doctor.h"

namespace rage::inspect::detail {

// One examination. One thread.
struct Examination {
  const World& world;
  WallTime now;
  std::vector<const Json*> members = {};  // Subjects and all they consist of, parents first.
  std::vector<Finding> findings = {};
  std::set<std::string> told = {};  // Causes that several objects share are told once.

  void add(Finding finding) { findings.push_back(std::move(finding)); }
  // False if that was told before.
  bool first_time(std::string key) { return told.insert(std::move(key)).second; }
  // Members of a kind.
  std::vector<const Json*> of(std::string_view kind) const;
};

// How long it has been so; none if it does not say.
std::optional<std::chrono::seconds> time_since(std::string_view time, WallTime now);
// "kubectl -n default" for a namespaced object, else "kubectl".
std::string kubectl_for(const Json& object);
std::string kubectl_for(const std::string& ns);
// Cut to a line that fits a screen.
std::string shortened(std::string text, std::size_t most = 300);
// "a, b and 3 more"
std::string some_of(const std::vector<std::string>& names, std::size_t most = 3);

void check_definitions(Examination& exam);
void check_operator(Examination& exam);
void check_webhooks(Examination& exam);
void check_references(Examination& exam);
void check_gated_models(Examination& exam);
void check_nodes(Examination& exam);
void check_node_claims(Examination& exam);
void check_quota(Examination& exam);
void check_volumes(Examination& exam);
void check_pods(Examination& exam);
void check_rollouts(Examination& exam);
void check_deletions(Examination& exam);
void check_conditions(Examination& exam);

}  // namespace rage::inspect::detail
