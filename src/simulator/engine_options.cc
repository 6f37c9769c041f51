#include <cmath>
#include <string_view>

#include "simulator/engine.h"

namespace rage::simulator {
namespace {

constexpr std::uint64_t kBlocksMax = std::uint64_t{1} << 28;

Result<void> check(bool valid, std::string_view what) {
  if (valid) return {};
  return fail(ErrorCode::kInvalidArgument, "{}", what);
}

}  // namespace

Result<void> EngineOptions::validate() const {
  RETURN_IF_ERROR(check(std::isfinite(prefill_tokens_per_second) && prefill_tokens_per_second > 0,
                        "the prefill speed must be positive"));
  RETURN_IF_ERROR(check(decode_base.count() >= 0 && decode_per_sequence.count() >= 0 &&
                            decode_nanoseconds_per_kv_token >= 0 && adapter_load.count() >= 0,
                        "times must not be negative"));
  RETURN_IF_ERROR(check(sequences_max > 0 && batch_tokens_max > 0 && block_tokens > 0,
                        "sequences, batch tokens and block tokens must be positive"));
  return check(blocks > 0 && blocks <= kBlocksMax, "there must be 1 to 268435456 KV blocks");
}

}  // namespace rage::simulator
