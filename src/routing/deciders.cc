// Does a request need another stage?
#include "routing/detail/plugins.h"

namespace rage::routing::detail {

Plugin prefix_based_pd_decider(ParameterReader& parameters) {
  const std::uint64_t uncached_min = parameters.whole("nonCachedTokens", 0);
  const std::uint64_t prompt_min = parameters.whole("promptTokens", 0);
  return {.decide = [=](const Cycle& cycle, std::uint32_t endpoint) {
    return uncached_min > 0 && cycle.prompt_tokens >= prompt_min &&
           cycle.uncached_tokens(endpoint) >= uncached_min;
  }};
}

Plugin always_disagg_pd_decider(ParameterReader&) {
  return {.decide = [](const Cycle&, std::uint32_t) { return true; }};
}

Plugin always_disagg_multimodal_decider(ParameterReader&) {
  return {.decide = [](const Cycle& cycle, std::uint32_t) { return cycle.request.multimodal; }};
}

}  // namespace rage::routing::detail
