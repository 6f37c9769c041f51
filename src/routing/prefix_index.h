// Which endpoint has seen which prompt, learned from where requests were sent: for each endpoint
// the blocks it got most recently, as many as its cache has room for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "routing/detail/holder_table.h"
#include "routing/prefix_chain.h"

namespace rage::routing {

// Resource. Thread-safe; lookups and learning run in parallel. Endpoints go by endpoint_key().
// An endpoint holds a block only if it holds all before it in the chain: tails are forgotten first.
class PrefixIndex final {
 public:
  PrefixIndex();
  ~PrefixIndex();
  PrefixIndex(const PrefixIndex&) = delete;
  PrefixIndex& operator=(const PrefixIndex&) = delete;

  // How many blocks from the head of each prompt, without a gap, each of `count` endpoints holds,
  // summed over prompts. Empty: nobody holds the first block of any; `key_of` was not asked then.
  std::vector<std::uint32_t> match(const PrefixChains& chains, std::size_t count,
                                   const std::function<std::uint64_t(std::size_t)>& key_of) const;
  // The endpoint got these prompts, and has room for `blocks_max` blocks now.
  void learn(std::uint64_t endpoint, const PrefixChains& chains, std::size_t blocks_max);
  // Forgets endpoints that are not among these.
  void retain(std::span<const std::uint64_t> endpoints);

  struct Size {
    std::size_t endpoints = 0;
    std::size_t blocks = 0;   // Distinct ones.
    std::size_t entries = 0;  // Blocks, once for each endpoint that holds them.
    std::size_t bytes = 0;
  };
  Size size() const;

 private:
  struct Server;
  class ServerIds;
  class Directory;
  static constexpr std::size_t kShards = 256;
  struct Shard;

  Shard& shard(std::uint64_t hash) const;
  void add_holder(std::span<const std::uint64_t> hashes, detail::ServerId server);
  void remove_holder(std::span<const std::uint64_t> hashes, detail::ServerId server);
  std::shared_ptr<Server> find_or_add(std::uint64_t endpoint);
  void forget(Server& server);
  bool walk(std::span<const std::uint64_t> chain, std::vector<std::uint32_t>& runs) const;

  std::shared_ptr<ServerIds> ids_;
  Guarded<std::shared_ptr<const Directory>> directory_;  // Replaced, never changed.
  std::unique_ptr<std::array<Shard, kShards>> shards_;
};

}  // namespace rage::routing
