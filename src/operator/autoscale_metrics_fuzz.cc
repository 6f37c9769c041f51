// Any bytes a pod can answer with: read or skipped, and a sum is always a number.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "operator/autoscale_metrics.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto load = rage::op::parse_replica_load(text, "vllm:num_requests_waiting");
  for (const auto& value : {load.metric, load.running, load.work}) {
    if (value && !std::isfinite(*value)) __builtin_trap();
  }
  // The first line as a name: untrusted as well, it comes from an annotation.
  (void)rage::op::sum_of_metric(text, text.substr(0, text.find('\n')));
  return 0;
}
