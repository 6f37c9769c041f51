// A prompt as an engine sees it: how many tokens, and the hash chain of its full KV blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace rage::simulator {

// Value.
struct Prompt {
  std::uint64_t tokens = 0;
  std::vector<std::uint64_t> blocks;
};

inline constexpr std::size_t kTokenBytes = 4;

// kTokenBytes count as one token. Equal heads give equal blocks; `salt` (model, adapter, the
// client's cache salt) keeps what must not be shared apart.
Prompt prompt_of_text(std::string_view text, std::string_view salt, std::uint32_t block_tokens);
Prompt prompt_of_tokens(std::span<const std::uint32_t> tokens, std::string_view salt,
                        std::uint32_t block_tokens);

// Two numbers to one, evenly spread. Stable across versions.
std::uint64_t mix(std::uint64_t a, std::uint64_t b);
// Evenly in [0, 1).
double unit_interval(std::uint64_t hash);

}  // namespace rage::simulator
