#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "simulator/api_request.h"
#include "simulator/failure.h"

// Bodies and failure headers come from anybody. What is accepted keeps its promises.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace sim = rage::simulator;
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  (void)sim::parse_failure_rule(text);
  const auto request = sim::parse_api_request(static_cast<sim::Api>(data[0] % 3), text);
  if (!request) return 0;
  if (request->inputs.empty() || request->inputs.size() > sim::kPromptsMax) std::abort();
  if (request->api == sim::Api::kChat && request->inputs.size() != 1) std::abort();
  const sim::OutputPlan plan = sim::plan_output(*request, 100, 40);
  if (plan.tokens > 100 || plan.finish_reason.empty()) std::abort();
  return 0;
}
