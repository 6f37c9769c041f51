// Labels of the operator's own, stripped from selectors before any use: asking for them would tie a
// pod to nodes of another owner, and a selector of nothing else would select everything.
#pragma once

#include <array>
#include <string_view>

namespace rage::apis {

inline constexpr std::array<std::string_view, 8> kReservedLabels = {
    "kaito.sh/workspace",
    "kaito.sh/workspacenamespace",
    "kaito.sh/ragengine",
    "kaito.sh/ragenginenamespace",
    "karpenter.kaito.sh/workspace-name",
    "karpenter.kaito.sh/workspace-namespace",
    "karpenter.kaito.sh/inferenceset",
    "karpenter.kaito.sh/inferenceset-namespace"};

}  // namespace rage::apis
