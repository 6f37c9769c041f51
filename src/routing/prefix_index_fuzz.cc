#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "base/check.h"
#include "routing/prefix_index.h"

namespace {

// Few values with few distinct low and high bits: entries collide, move and share shards.
rage::routing::PrefixChains chain_of(std::span<const std::uint8_t> bytes) {
  rage::routing::PrefixChains chains{.hashes = {}, .begins = {0}};
  std::uint64_t parent = 0;
  for (const std::uint8_t byte : bytes) {
    parent = parent * 31 + (byte & 3) + 1;
    chains.hashes.push_back((parent & 7) << 56 | (parent << 8) | (parent & 3));
  }
  return chains;
}

}  // namespace

// Against sets that forget nothing: never a block for an endpoint that did not get it, and exactly
// those while there is room.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  rage::routing::PrefixIndex index;
  std::map<std::uint64_t, std::set<std::uint64_t>> got;
  bool forgot = false;
  const std::span<const std::uint8_t> input(bytes, size);
  for (std::size_t at = 0; at + 8 <= input.size(); at += 8) {
    const std::uint64_t endpoint = input[at] % 9 + 1;
    const rage::routing::PrefixChains chains = chain_of(input.subspan(at + 2, input[at] / 43 + 1));
    const std::size_t room = input[at + 1] % 16 == 0 ? input[at + 1] / 16 + 1 : 100000;
    forgot = forgot || room < 100000;
    index.learn(endpoint, chains, room);
    got[endpoint].insert(chains.hashes.begin(), chains.hashes.end());
    if (input[at + 1] % 16 == 1) {
      index.retain(std::vector<std::uint64_t>{endpoint});
      std::erase_if(got, [&](const auto& item) { return item.first != endpoint; });
    }
    const rage::routing::PrefixChains asked = chain_of(input.subspan(at + 1, 6));
    auto matched = index.match(asked, 10, [](std::size_t i) { return i + 1; });
    matched.resize(10);
    for (std::size_t i = 0; i < matched.size(); ++i) {
      std::uint32_t truth = 0;
      while (truth < asked.hashes.size() && got[i + 1].contains(asked.hashes[truth])) ++truth;
      CHECK(forgot ? matched[i] <= truth : matched[i] == truth);
    }
  }
  return 0;
}
