// `prompt`, `input`, `input_ids`: text or token ids, one or a batch of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "payload/detail/json_walk.h"

namespace rage::payload::detail {

struct PromptList {
  std::vector<std::string> texts;
  std::vector<std::vector<std::uint32_t>> ids;
};

// Reads "text", ["text", ...], [1, 2, ...] or [[1, 2], ...] of the outermost object and adds it to
// `prompts`; null is none.
Result<void> read_prompts(JsonWalk& walk, PromptList& prompts);

}  // namespace rage::payload::detail
