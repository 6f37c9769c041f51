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

// "text", ["text", ...], [1, 2, ...] or [[1, 2], ...]; null is none. `value` stands in the
// outermost object. Adds to `prompts`.
Result<void> read_prompts(ondemand::value value, std::size_t body_bytes, PromptList& prompts);

}  // namespace rage::payload::detail
