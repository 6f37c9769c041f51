#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "routing/detail/precise_prefix_source.h"

// Any batch: refused, or blocks that fit their tokens; an index that was told all of it forgets all
// of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::routing;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto batch = decode_kv_events(text);
  if (!batch) return 0;
  const detail::PrecisePrefixOptions options{.block_tokens = 1, .server_blocks_max = 64};
  detail::EngineBlocks blocks(options);
  blocks.apply(model_of_kv_topic(text), 1, *batch);
  CHECK(blocks.size() <= options.server_blocks_max);
  KvEventBatch removals;
  for (const KvEvent& event : batch->events) {
    const auto* stored = std::get_if<KvBlocksStored>(&event);
    if (stored == nullptr) continue;
    CHECK(stored->hashes.size() * stored->block_tokens == stored->tokens.size());
    removals.events.push_back(KvBlocksRemoved{.hashes = stored->hashes, .tier = stored->tier});
  }
  blocks.apply("", 2, removals);
  CHECK(blocks.size() == 0);
  return 0;
}
