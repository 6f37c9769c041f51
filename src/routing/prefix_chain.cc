#include "routing/prefix_chain.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

#include "base/check.h"
#include "routing/detail/prefix_hash.h"
#include "routing/endpoint_key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace rage::routing {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tokens are hashed as they lie in memory");

constexpr std::size_t kTokenBytes = 4;

std::uint64_t hash_bytes(std::string_view bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

// Block hashes are kept apart from the chain, as the reference does.
std::uint64_t chain(std::uint64_t block, std::uint64_t parent) {
  const std::array<std::uint64_t, 2> both = {block, parent};
  return XXH64(both.data(), sizeof both, 0);
}

// `bytes` may end within a token.
std::uint64_t hash_block(std::string_view bytes) {
  const std::size_t rest = bytes.size() % kTokenBytes;
  if (rest == 0) return hash_bytes(bytes);
  std::string padded(bytes);
  padded.append(kTokenBytes - rest, '\0');
  return hash_bytes(padded);
}

void hash_prompt(std::string_view bytes, std::uint64_t root, const PrefixChainOptions& options,
                 PrefixChains& chains) {
  chains.begins.push_back(chains.hashes.size());
  const std::size_t block_bytes = std::size_t{options.block_tokens} * kTokenBytes;
  std::uint64_t parent = root;
  for (std::uint64_t block = 0; block < options.blocks_max && !bytes.empty(); ++block) {
    if (chains.hashes.size() >= options.blocks_total_max) return;
    parent = chain(hash_block(bytes.substr(0, block_bytes)), parent);
    chains.hashes.push_back(parent);
    bytes.remove_prefix(std::min(block_bytes, bytes.size()));
  }
}

std::string_view bytes_of(std::span<const std::uint32_t> tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * kTokenBytes};
}

}  // namespace

PrefixChains hash_prompts(const SchedulingRequest& request, const PrefixChainOptions& options) {
  CHECK(options.block_tokens > 0);
  PrefixChains chains;
  const std::uint64_t root = detail::prefix_root(request.target_model, request.cache_salt);
  for (const std::string& prompt : request.prompts) hash_prompt(prompt, root, options, chains);
  for (const std::vector<std::uint32_t>& tokens : request.token_prompts) {
    hash_prompt(bytes_of(tokens), root, options, chains);
  }
  return chains;
}

std::uint64_t prompt_tokens(const SchedulingRequest& request) {
  std::uint64_t tokens = 0;
  for (const std::string& prompt : request.prompts) {
    tokens += (prompt.size() + kTokenBytes - 1) / kTokenBytes;
  }
  for (const auto& ids : request.token_prompts) tokens += ids.size();
  return tokens;
}

std::uint64_t endpoint_key(const Endpoint& endpoint) {
  std::uint64_t key = std::uint64_t{endpoint.port} << 32 | endpoint.rank;
  for (const std::string* part : {&endpoint.address, &endpoint.pod, &endpoint.name_space}) {
    key = XXH3_64bits_withSeed(part->data(), part->size(), key);
  }
  return key == 0 ? 1 : key;
}

namespace detail {

std::uint64_t prefix_root(std::string_view model, std::string_view salt) {
  std::string seed(model);
  seed += salt;
  return hash_bytes(seed);
}

std::uint64_t chain_block(std::span<const std::uint32_t> tokens, std::uint64_t parent) {
  return chain(hash_block(bytes_of(tokens)), parent);
}

}  // namespace detail

}  // namespace rage::routing
