// The steps of a prompt's chain of hashes (prefix_chain.h), for who knows blocks one by one.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace rage::routing::detail {

// h(-1), and h(i) of a block of tokens behind h(i-1).
std::uint64_t prefix_root(std::string_view model, std::string_view salt);
std::uint64_t chain_block(std::span<const std::uint32_t> tokens, std::uint64_t parent);

}  // namespace rage::routing::detail
