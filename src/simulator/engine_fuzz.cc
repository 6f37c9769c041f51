#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "simulator/engine_driver_for_test.h"

// Any sequence of submissions, aborts and waits: blocks, tokens and requests stay accounted for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kStepBytes = 7;
  if (size < 4 || size > 4 + 400 * kStepBytes) return 0;
  rage::simulator::EngineDriver driver({.sequences_max = 1u + data[0] % 8,
                                        .batch_tokens_max = 1u + data[1] % 128,
                                        .block_tokens = 1u + data[2] % 16,
                                        .blocks = 1u + data[3] % 64,
                                        .prefix_caching = data[0] < 200,
                                        .adapters_max = data[1] % 3u});
  for (std::size_t at = 4; at + kStepBytes <= size; at += kStepBytes) {
    const std::uint8_t* step = data + at;
    driver.apply({.what = step[0],
                  .prompt_tokens = static_cast<std::uint16_t>(step[1] + 256 * (step[2] % 4)),
                  .output_tokens = step[3],
                  .prefix = step[4],
                  .milliseconds = static_cast<std::uint16_t>(step[5] + 256 * step[6])});
    if (!driver.is_sound()) std::abort();
  }
  if (!driver.finish() || !driver.is_sound()) std::abort();
  return 0;
}
