#include "simulator/block_index.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace rage::simulator {
namespace {

TEST(BlockIndex, AgreesWithAMapWhateverIsDone) {
  for (const std::uint32_t room : {1u, 2u, 16u, 100u}) {
    std::mt19937_64 random(room);
    BlockIndex index(room);
    std::unordered_map<std::uint64_t, BlockId> map;
    for (BlockId round = 0; round < 20'000; ++round) {
      const std::uint64_t hash = random() % (3 * room);  // Small numbers, so that they collide.
      const auto found = map.find(hash);
      ASSERT_EQ(index.find(hash).has_value(), found != map.end());
      if (found != map.end()) {
        ASSERT_EQ(*index.find(hash), found->second);
        ASSERT_FALSE(index.insert(hash, round));
        if (random() % 2 == 0) continue;
        index.erase(hash);
        map.erase(found);
      } else if (map.size() < room) {
        ASSERT_TRUE(index.insert(hash, round));
        map.emplace(hash, round);
      }
      ASSERT_EQ(index.size(), map.size());
    }
  }
}

}  // namespace
}  // namespace rage::simulator
