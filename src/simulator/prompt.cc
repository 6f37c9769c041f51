#include "simulator/prompt.h"

#include <xxhash.h>

#include <array>

namespace rage::simulator {
namespace {

Prompt prompt_of_bytes(std::string_view bytes, std::string_view salt, std::uint32_t block_tokens) {
  Prompt prompt{.tokens = (bytes.size() + kTokenBytes - 1) / kTokenBytes, .blocks = {}};
  const std::size_t block_bytes = kTokenBytes * block_tokens;
  prompt.blocks.reserve(bytes.size() / block_bytes);
  std::uint64_t hash = XXH64(salt.data(), salt.size(), 0);
  for (std::size_t at = 0; at + block_bytes <= bytes.size(); at += block_bytes) {
    hash = XXH64(bytes.data() + at, block_bytes, hash);
    prompt.blocks.push_back(hash);
  }
  return prompt;
}

}  // namespace

Prompt prompt_of_text(std::string_view text, std::string_view salt, std::uint32_t block_tokens) {
  return prompt_of_bytes(text, salt, block_tokens);
}

Prompt prompt_of_tokens(std::span<const std::uint32_t> tokens, std::string_view salt,
                        std::uint32_t block_tokens) {
  const std::string_view bytes(reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes());
  return prompt_of_bytes(bytes, salt, block_tokens);
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const std::array words = {a, b};
  return XXH64(words.data(), sizeof(words), 0);
}

double unit_interval(std::uint64_t hash) {
  return static_cast<double>(hash >> 11) * 0x1p-53;
}

}  // namespace rage::simulator
