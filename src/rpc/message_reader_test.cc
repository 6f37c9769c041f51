// A message that is cut where the network likes must come out whole, or a request is routed by half
// of its body.
#include "rpc/message_reader.h"

#include <gtest/gtest.h>

#include <vector>

namespace rage::rpc {
namespace {

using State = MessageReader::State;

std::vector<std::string> read_all(MessageReader& reader, std::string_view bytes) {
  std::vector<std::string> messages;
  std::string_view message;
  while (reader.next(bytes, message) == State::kMessage) messages.emplace_back(message);
  return messages;
}

TEST(MessageReader, FindsMessagesHoweverTheyAreCut) {
  const std::vector<std::string> said = {"", "one", std::string(70'000, 'x'), "", "last"};
  std::string wire;
  for (const std::string& message : said) append_message(message, wire);
  for (const std::size_t step : {std::size_t{1}, std::size_t{4}, std::size_t{5}, std::size_t{6},
                                 std::size_t{16'384}, wire.size()}) {
    MessageReader reader(1 << 20);
    std::vector<std::string> got;
    for (std::size_t at = 0; at < wire.size(); at += step) {
      for (std::string& message : read_all(reader, std::string_view(wire).substr(at, step))) {
        got.push_back(std::move(message));
      }
    }
    EXPECT_EQ(got, said) << step;
    EXPECT_FALSE(reader.partial());
  }
}

TEST(MessageReader, SaysWhenAMessageIsCutOff) {
  std::string wire;
  append_message("whole", wire);
  for (std::size_t size = 1; size < wire.size(); ++size) {
    MessageReader reader(100);
    EXPECT_TRUE(read_all(reader, std::string_view(wire).substr(0, size)).empty());
    EXPECT_TRUE(reader.partial()) << size;
  }
}

TEST(MessageReader, ALengthPastTheLimitIsRefusedBeforeItArrives) {
  std::string wire;
  append_message(std::string(101, 'x'), wire);
  MessageReader reader(100);
  std::string_view message;
  std::string_view prefix = std::string_view(wire).substr(0, 5);
  EXPECT_EQ(reader.next(prefix, message), State::kTooLarge);
}

TEST(MessageReader, CompressionIsSeen) {
  MessageReader reader(100);
  std::string_view message;
  std::string_view in("\1\0\0\0\1x", 6);
  EXPECT_EQ(reader.next(in, message), State::kCompressed);
}

}  // namespace
}  // namespace rage::rpc
