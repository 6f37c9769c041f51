#include "simulator/kv_journal.h"

#include <gmock/gmock.h>

#include <array>

#include "codec/msgpack.h"

namespace rage::simulator {
namespace {

using codec::MsgpackReader;
using namespace std::string_literals;

const std::string kTokens = "\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0"s;  // 1 2 3 4

// All tokens of a batch behind its head, as text.
std::string flat(const std::string& batch) {
  MsgpackReader reader(batch);
  std::string out;
  while (!reader.at_end()) {
    const auto token = reader.next();
    EXPECT_TRUE(token);
    if (!token) break;
    using Kind = codec::MsgpackToken::Kind;
    if (token->kind == Kind::kUnsigned) out += std::to_string(token->number) + " ";
    if (token->kind == Kind::kText) out += std::string(token->text) + " ";
    if (token->kind == Kind::kNil) out += "- ";
  }
  return out;
}

// A router that is told of blocks in another way than vLLM's would be tested against nothing.
TEST(KvJournal, TellsWhatVllmTells) {
  KvJournal journal(2, 10);
  journal.learn(std::array<std::uint64_t, 2>{100, 101}, kTokens, "");
  EXPECT_EQ(flat(journal.batch(std::array{CacheChange{100, true}, CacheChange{101, true}})),
            "BlockStored 100 - 1 2 2 - GPU - BlockStored 101 100 3 4 2 - GPU - - ");
  EXPECT_EQ(flat(journal.batch(std::array{CacheChange{101, false}})), "BlockRemoved 101 GPU - ");
  // Unknown, or told already.
  EXPECT_EQ(journal.batch(std::array{CacheChange{101, false}, CacheChange{7, true}}), "");
}

TEST(KvJournal, ForgetsPromptsThatNeverGotThere) {
  KvJournal journal(2, 1);
  journal.learn(std::array<std::uint64_t, 1>{1}, kTokens, "sql");
  EXPECT_NE(journal.batch(std::array{CacheChange{1, true}}), "");
  for (std::uint64_t i = 2; i < 100; ++i) {
    journal.learn(std::array<std::uint64_t, 1>{i}, kTokens, "");
  }
  EXPECT_EQ(journal.batch(std::array{CacheChange{2, true}}), "");
  EXPECT_EQ(flat(journal.batch(std::array{CacheChange{1, false}})), "BlockRemoved 1 GPU - ");
}

}  // namespace
}  // namespace rage::simulator
