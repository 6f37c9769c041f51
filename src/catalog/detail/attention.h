// How large a key-value cache the layers of a model make.
#pragma once

#include <cstdint>

#include "catalog/catalog.h"

namespace rage::catalog::detail {

// Bytes a token as KAITO computes them: two bytes a number, every layer as if it kept the context.
std::uint64_t upstream_kv_bytes_per_token(const AttentionShape& shape);

// The layers' kinds as config.json names them, into `shape`, whose layers, kv_heads and head_dim
// are set. What the configuration does not tell counts as full attention: too much memory planned
// is slow, too little is a server that does not start.
void read_layer_kinds(const Json& config, AttentionShape& shape);

}  // namespace rage::catalog::detail
