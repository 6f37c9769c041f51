// What tests ask of a plan.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apis/meta.h"
#include "operator/plan.h"

namespace rage::op {

// The plan's first change of this sort to an object of `kind`, or null. The plan outlives it.
template <typename T>
const T* find_change(const Plan& plan, std::string_view kind) {
  for (const Change& change : plan.changes) {
    const auto* item = std::get_if<T>(&change);
    if (item != nullptr && item->type.kind == kind) return item;
  }
  return nullptr;
}

template <typename T>
std::vector<T> changes_of(const Plan& plan, std::string_view kind) {
  std::vector<T> found;
  for (const Change& change : plan.changes) {
    const auto* item = std::get_if<T>(&change);
    if (item != nullptr && item->type.kind == kind) found.push_back(*item);
  }
  return found;
}

// Of what each change is to, in their order.
inline std::vector<std::string> kinds_of(const Plan& plan) {
  std::vector<std::string> kinds;
  for (const Change& change : plan.changes) {
    kinds.push_back(std::visit([](const auto& one) { return one.type.kind; }, change));
  }
  return kinds;
}

// Of the status that the plan writes; empty if it has none of this type.
inline apis::Condition condition_of(const Plan& plan, std::string_view type = "Ready") {
  const auto conditions = apis::parse_conditions(plan.status);
  const auto* found = apis::find_condition(conditions, type);
  return found == nullptr ? apis::Condition{} : *found;
}

}  // namespace rage::op
