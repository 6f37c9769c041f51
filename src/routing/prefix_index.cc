#include "routing/prefix_index.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <optional>
#include <ranges>
#include <unordered_set>
#include <utility>

#include "routing/detail/lru_set.h"

namespace rage::routing {

using detail::HolderTable;
using detail::ServerBits;
using detail::ServerId;

namespace {

// How far ahead of its use memory is asked for.
constexpr std::size_t kAhead = 8;

}  // namespace

// Resource. Thread-safe.
struct alignas(64) PrefixIndex::Shard {
  Guarded<HolderTable> table;
  std::atomic<std::uintptr_t> base = 0;  // HolderTable::Place, as of the last change.
  std::atomic<std::uintptr_t> mask = 0;

  void prefetch(std::uint64_t hash) const {
    const HolderTable::Place place{base.load(std::memory_order_relaxed),
                                   mask.load(std::memory_order_relaxed)};
    place.prefetch(hash);
  }
  template <class F>
  void change(F&& body) {
    const HolderTable::Place place = table.with([&](HolderTable& held) {
      body(held);
      return held.place();
    });
    if (place.base == base.load(std::memory_order_relaxed)) return;
    base.store(place.base, std::memory_order_relaxed);
    mask.store(place.mask, std::memory_order_relaxed);
  }
};

// Resource. Thread-safe. An id is given out again only when nobody looks at its last owner any
// more.
class PrefixIndex::ServerIds final {
 public:
  std::optional<ServerId> take() {
    return free_.with([](State& state) -> std::optional<ServerId> {
      if (!state.returned.empty()) {
        const ServerId id = state.returned.back();
        state.returned.pop_back();
        return id;
      }
      if (state.next == detail::kServersMax) return std::nullopt;
      return state.next++;
    });
  }
  void give_back(ServerId id) {
    free_.with([id](State& state) { state.returned.push_back(id); });
  }

 private:
  struct State {
    ServerId next = 0;
    std::vector<ServerId> returned;
  };
  Guarded<State> free_;
};

struct PrefixIndex::Server {
  Server(std::uint64_t key_of_it, ServerId id_of_it, std::shared_ptr<ServerIds> ids_of_all)
      : key(key_of_it), id(id_of_it), ids(std::move(ids_of_all)) {}
  ~Server() { ids->give_back(id); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  struct State {
    detail::LruSet blocks;
    bool forgotten = false;
  };
  const std::uint64_t key;
  const ServerId id;
  const std::shared_ptr<ServerIds> ids;
  Guarded<State> state;
};

// Value. Keys to servers: open addressing, because a decision asks for every candidate.
class PrefixIndex::Directory final {
 public:
  explicit Directory(std::vector<std::shared_ptr<Server>> servers) : servers_(std::move(servers)) {
    slots_.resize(std::bit_ceil(servers_.size() * 2 + 2));
    for (std::uint32_t i = 0; i < servers_.size(); ++i) {
      std::size_t slot = servers_[i]->key & (slots_.size() - 1);
      while (slots_[slot].key != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = {.key = servers_[i]->key, .index = i, .id = servers_[i]->id};
    }
  }

  const std::vector<std::shared_ptr<Server>>& servers() const { return servers_; }
  std::shared_ptr<Server> find(std::uint64_t key) const {
    const Slot* slot = find_slot(key);
    return slot == nullptr ? nullptr : servers_[slot->index];
  }
  std::optional<ServerId> find_id(std::uint64_t key) const {
    const Slot* slot = find_slot(key);
    return slot == nullptr ? std::nullopt : std::optional(slot->id);
  }

 private:
  struct Slot {
    std::uint64_t key = 0;  // 0: free.
    std::uint32_t index = 0;
    ServerId id = 0;
  };
  const Slot* find_slot(std::uint64_t key) const {
    std::size_t at = key & (slots_.size() - 1);
    for (; slots_[at].key != 0; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].key == key) return &slots_[at];
    }
    return nullptr;
  }

  std::vector<std::shared_ptr<Server>> servers_;
  std::vector<Slot> slots_;
};

PrefixIndex::PrefixIndex()
    : ids_(std::make_shared<ServerIds>()),
      directory_(std::make_shared<const Directory>(std::vector<std::shared_ptr<Server>>{})),
      shards_(std::make_unique<std::array<Shard, kShards>>()) {}

PrefixIndex::~PrefixIndex() = default;

PrefixIndex::Shard& PrefixIndex::shard(std::uint64_t hash) const {
  return (*shards_)[hash >> 56];
}

void PrefixIndex::add_holder(std::span<const std::uint64_t> hashes, ServerId server) {
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    if (i + kAhead < hashes.size()) shard(hashes[i + kAhead]).prefetch(hashes[i + kAhead]);
    shard(hashes[i]).change([&](HolderTable& table) { table.add(hashes[i], server); });
  }
}

void PrefixIndex::remove_holder(std::span<const std::uint64_t> hashes, ServerId server) {
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    if (i + kAhead < hashes.size()) shard(hashes[i + kAhead]).prefetch(hashes[i + kAhead]);
    shard(hashes[i]).change([&](HolderTable& table) { table.remove(hashes[i], server); });
  }
}

// Adds to runs[id] for each server how far it goes along the chain. False: nobody starts.
bool PrefixIndex::walk(std::span<const std::uint64_t> chain,
                       std::vector<std::uint32_t>& runs) const {
  ServerBits alive;
  ServerBits holders;
  const auto look_up = [&](std::uint64_t hash, ServerBits& found) {
    return shard(hash).table.with(
        [&](const HolderTable& table) { return table.find(hash, found); });
  };
  if (chain.empty() || !look_up(chain[0], alive)) return false;
  if (runs.size() < alive.size() * 64) runs.resize(alive.size() * 64);
  const auto end_runs = [&](std::size_t word, std::uint64_t dropped, std::size_t blocks) {
    for (; dropped != 0; dropped &= dropped - 1) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(dropped));
      runs[word * 64 + bit] += static_cast<std::uint32_t>(blocks);
    }
  };
  bool any = true;
  std::size_t block = 1;
  for (; any && block < chain.size(); ++block) {
    if (block + kAhead < chain.size()) shard(chain[block + kAhead]).prefetch(chain[block + kAhead]);
    look_up(chain[block], holders);
    holders.resize(std::max(holders.size(), alive.size()));
    any = false;
    for (std::size_t word = 0; word < alive.size(); ++word) {
      end_runs(word, alive[word] & ~holders[word], block);
      alive[word] &= holders[word];
      any = any || alive[word] != 0;
    }
  }
  for (std::size_t word = 0; word < alive.size(); ++word) end_runs(word, alive[word], block);
  return true;
}

std::vector<std::uint32_t> PrefixIndex::match(
    const PrefixChains& chains, std::size_t count,
    const std::function<std::uint64_t(std::size_t)>& key_of) const {
  // Held throughout: what an id means does not change under way.
  const auto directory = directory_.with([](const auto& current) { return current; });
  std::vector<std::uint32_t> runs;
  bool any = false;
  for (std::size_t i = 0; i < chains.begins.size(); ++i) {
    const std::size_t begin = chains.begins[i];
    const std::size_t end =
        i + 1 < chains.begins.size() ? chains.begins[i + 1] : chains.hashes.size();
    any = walk(std::span(chains.hashes).subspan(begin, end - begin), runs) || any;
  }
  std::vector<std::uint32_t> matched;
  if (!any) return matched;
  matched.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::optional<ServerId> id = directory->find_id(key_of(i));
    if (id && *id < runs.size()) matched[i] = runs[*id];
  }
  return matched;
}

std::shared_ptr<PrefixIndex::Server> PrefixIndex::find_or_add(std::uint64_t endpoint) {
  const auto current = directory_.with([](const auto& directory) { return directory; });
  if (auto found = current->find(endpoint)) return found;
  return directory_.with([&](auto& directory) -> std::shared_ptr<Server> {
    if (auto found = directory->find(endpoint)) return found;
    const std::optional<ServerId> id = ids_->take();
    if (!id) return nullptr;
    auto servers = directory->servers();
    servers.push_back(std::make_shared<Server>(endpoint, *id, ids_));
    directory = std::make_shared<const Directory>(servers);
    return servers.back();
  });
}

void PrefixIndex::learn(std::uint64_t endpoint, const PrefixChains& chains,
                        std::size_t blocks_max) {
  if (chains.hashes.empty() || blocks_max == 0) return;
  const std::shared_ptr<Server> server = find_or_add(endpoint);
  if (server == nullptr) return;     // More endpoints than there are ids: the rest is not learned.
  std::vector<std::uint64_t> order;  // The tail is the oldest.
  order.reserve(chains.hashes.size());
  std::size_t end = chains.hashes.size();
  for (const std::size_t begin : std::views::reverse(chains.begins)) {
    for (std::size_t i = begin + std::min(end - begin, blocks_max); i-- > begin;) {
      order.push_back(chains.hashes[i]);
    }
    end = begin;
  }
  server->state.with([&](Server::State& state) {
    if (state.forgotten) return;
    add_holder(state.blocks.touch_all(order), server->id);
    remove_holder(state.blocks.shrink(blocks_max), server->id);
  });
}

void PrefixIndex::forget(Server& server) {
  server.state.with([&](Server::State& state) {
    state.forgotten = true;
    remove_holder(state.blocks.shrink(0), server.id);
    state.blocks = {};
  });
}

void PrefixIndex::retain(std::span<const std::uint64_t> endpoints) {
  const std::unordered_set<std::uint64_t> wanted(endpoints.begin(), endpoints.end());
  std::vector<std::shared_ptr<Server>> gone;
  directory_.with([&](auto& directory) {
    std::vector<std::shared_ptr<Server>> kept;
    for (const auto& server : directory->servers()) {
      (wanted.contains(server->key) ? kept : gone).push_back(server);
    }
    if (!gone.empty()) directory = std::make_shared<const Directory>(std::move(kept));
  });
  for (const auto& server : gone) forget(*server);
}

PrefixIndex::Size PrefixIndex::size() const {
  Size size;
  const auto directory = directory_.with([](const auto& current) { return current; });
  for (const auto& server : directory->servers()) {
    ++size.endpoints;
    server->state.with([&](const Server::State& state) {
      size.entries += state.blocks.size();
      size.bytes += state.blocks.bytes();
    });
  }
  for (Shard& shard : *shards_) {
    shard.table.with([&](const HolderTable& table) {
      size.blocks += table.size();
      size.bytes += table.bytes();
    });
  }
  return size;
}

}  // namespace rage::routing
