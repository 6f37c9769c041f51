#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "routing/flow_operations_for_test.h"

// Any sequence of operations under any options: flow control and its model decide the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::size_t at = 0;
  const auto draw = [&](std::uint64_t below) {
    std::uint64_t value = 0;
    for (std::uint64_t rest = below - 1; rest > 0 && at < size; rest >>= 8) {
      value = value << 8 | bytes[at++];
    }
    return value % below;
  };
  rage::routing::FlowOperations operations(draw);
  for (int steps = 0; at < size && steps < 400; ++steps) CHECK(operations.step().empty());
  CHECK(operations.finish().empty());
  return 0;
}
