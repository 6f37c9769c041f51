#include "simulator/kv_journal.h"

#include <cstring>
#include <utility>
#include <vector>

#include "simulator/prompt.h"

namespace rage::simulator {
namespace {

std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}
std::string number(std::uint64_t value) {
  return '\xCF' + big_endian(value, 8);
}
std::string text(std::string_view value) {
  return '\xDA' + big_endian(value.size(), 2) + std::string(value);
}
std::string list_head(std::size_t count) {
  return '\xDD' + big_endian(count, 4);
}
constexpr const char* kNil = "\xC0";

}  // namespace

void KvJournal::learn(std::span<const std::uint64_t> chain, std::string_view token_bytes,
                      std::string_view adapter) {
  if (blocks_.size() + chain.size() > 4 * blocks_max_) {
    std::erase_if(blocks_, [](const auto& entry) { return !entry.second.stored; });
  }
  const std::size_t size = kTokenBytes * block_tokens_;
  std::optional<std::uint64_t> parent;
  for (std::size_t i = 0; i < chain.size() && (i + 1) * size <= token_bytes.size(); ++i) {
    Block block{.parent = parent,
                .token_bytes = std::string(token_bytes.substr(i * size, size)),
                .adapter = std::string(adapter)};
    blocks_.try_emplace(chain[i], std::move(block));
    parent = chain[i];
  }
}

std::string KvJournal::stored_event(std::uint64_t hash, const Block& block) const {
  std::string out = list_head(8) + text("BlockStored") + list_head(1) + number(hash);
  out += block.parent ? number(*block.parent) : kNil;
  out += list_head(block_tokens_);
  for (std::size_t at = 0; at < block.token_bytes.size(); at += kTokenBytes) {
    std::uint32_t token = 0;
    std::memcpy(&token, block.token_bytes.data() + at, kTokenBytes);
    out += '\xCE' + big_endian(token, 4);
  }
  out += number(block_tokens_) + kNil + text("GPU");
  out += block.adapter.empty() ? kNil : text(block.adapter);
  return out;
}

std::string KvJournal::batch(std::span<const CacheChange> changes) {
  std::vector<std::string> events;
  for (const CacheChange& change : changes) {
    const auto known = blocks_.find(change.hash);
    if (known == blocks_.end()) continue;
    if (change.stored) {
      known->second.stored = true;
      events.push_back(stored_event(change.hash, known->second));
    } else {
      blocks_.erase(known);
      events.push_back(list_head(3) + text("BlockRemoved") + list_head(1) + number(change.hash) +
                       text("GPU"));
    }
  }
  if (events.empty()) return {};
  std::string out = list_head(3) + '\xCB' + big_endian(0, 8) + list_head(events.size());
  for (const std::string& event : events) out += event;
  return out + kNil;
}

}  // namespace rage::simulator
