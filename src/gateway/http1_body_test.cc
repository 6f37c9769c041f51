#include "gateway/detail/http1_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rage::gateway::detail {
namespace {

struct Decoded {
  std::string body;
  std::string rest;
  bool done = false;
  std::string error;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view bytes, std::size_t step, Framing framing = Framing::chunked()) {
  BodyDecoder decoder(framing);
  Decoded decoded;
  while (!bytes.empty() && !decoder.done()) {
    std::string_view piece = bytes.substr(0, step);
    const std::size_t offered = piece.size();
    while (!piece.empty() && !decoder.done()) {
      const auto payload = decoder.next(piece);
      if (!payload) {
        decoded.error = payload.error();
        return decoded;
      }
      decoded.body += *payload;
    }
    bytes.remove_prefix(offered - piece.size());
  }
  decoded.rest = bytes;
  decoded.done = decoder.done();
  return decoded;
}

TEST(BodyDecoder, FindsTheSameBodyHoweverTheBytesArrive) {
  const std::string bytes =
      "5\r\nhello\r\n1;ext=\"a b\"\r\n,\r\n0A\r\n0123456789\r\n0\r\nTrailer: x\r\nB: y\r\n\r\nNEXT";
  const Decoded wanted{.body = "hello,0123456789", .rest = "NEXT", .done = true, .error = ""};
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    EXPECT_EQ(decode(bytes, step), wanted) << step;
  }
}

TEST(BodyDecoder, RefusesChunksThatCouldBeReadInTwoWays) {
  for (const std::string bytes :
       {"5\nhello\r\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n",
        "-5\r\nhello\r\n", "+5\r\nhello\r\n", "0x5\r\nhello\r\n", " 5\r\nhello\r\n", "\r\n",
        "5;a\nb\r\nhello\r\n", "5 5\n", "G\r\n", "fffffffffffffffff\r\n", "1000000000001\r\nx",
        "0\r\n\n", "0\r\nA: b\n\r\n", "0\r\n folded\r\n\r\n", "5\r\rhello"}) {
    EXPECT_NE(decode(bytes, bytes.size()).error, "") << bytes;
    EXPECT_NE(decode(bytes, 1).error, "") << bytes;
  }
}

TEST(BodyDecoder, BoundsWhatIsDropped) {
  EXPECT_NE(decode("1;" + std::string(2000, 'x'), 100).error, "");
  EXPECT_NE(decode("0\r\nA: " + std::string(20'000, 'x'), 100).error, "");
}

TEST(BodyDecoder, EndsByLengthOrWithTheConnection) {
  EXPECT_EQ(decode("helloNEXT", 3, Framing::of_length(5)),
            (Decoded{.body = "hello", .rest = "NEXT", .done = true, .error = ""}));
  EXPECT_TRUE(BodyDecoder(Framing::of_length(0)).done());
  EXPECT_TRUE(BodyDecoder(Framing{}).done());
  BodyDecoder until_close({.kind = Framing::Kind::kUntilClose});
  EXPECT_FALSE(until_close.done());
  EXPECT_TRUE(until_close.end_of_stream());
  BodyDecoder chunked(Framing::chunked());
  EXPECT_FALSE(chunked.end_of_stream());
  BodyDecoder cut(Framing::of_length(5));
  EXPECT_FALSE(cut.end_of_stream());
}

TEST(AppendChunk, IsReadBackAndNeverEndsTheBody) {
  std::string out;
  append_chunk("", out);
  EXPECT_EQ(out, "");
  append_chunk(std::string(300, 'x'), out);
  append_chunk("y", out);
  out += kLastChunk;
  EXPECT_EQ(decode(out, 7).body, std::string(300, 'x') + "y");
}

}  // namespace
}  // namespace rage::gateway::detail
