#include <cstddef>
#include <cstdint>
#include <string_view>

#include "workloads/workflow_steps.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const auto spec = codec::parse_json(std::string_view(reinterpret_cast<const char*>(bytes), size));
  if (!spec) return 0;
  (void)workloads::plan_steps(*spec, {.name = "w", .ns = "default", .uid = "u"});
  (void)workloads::merge_workflow_specs(*spec, *spec);
  return 0;
}
