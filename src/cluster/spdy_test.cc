#include "cluster/detail/spdy.h"

#include <gmock/gmock.h>
#include <zlib.h>

namespace rage::cluster::detail {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

// A block of headers as kubectl sends it; without a dictionary, which zlib lets the sender choose.
class Sender final {
 public:
  Sender() { EXPECT_EQ(deflateInit(&stream_, Z_BEST_COMPRESSION), Z_OK); }
  ~Sender() { deflateEnd(&stream_); }

  std::string open(std::uint32_t stream, const std::string& block) {
    std::string packed(block.size() + 1000, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(block.data()));
    stream_.avail_in = static_cast<uInt>(block.size());
    stream_.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream_.avail_out = static_cast<uInt>(packed.size());
    EXPECT_EQ(deflate(&stream_, Z_SYNC_FLUSH), Z_OK);
    packed.resize(packed.size() - stream_.avail_out);
    const std::string payload = number(stream) + number(0) + std::string(2, '\0') + packed;
    return number(0x80030001) + number(static_cast<std::uint32_t>(payload.size())) + payload;
  }

 private:
  z_stream stream_{};
};

std::string pair(const std::string& name, const std::string& value) {
  return number(static_cast<std::uint32_t>(name.size())) + name +
         number(static_cast<std::uint32_t>(value.size())) + value;
}

// `kubectl port-forward` opens two streams a connection; the network may cut them anywhere.
TEST(Spdy, FramesHoweverTheyAreCut) {
  Sender sender;
  // One after the other: they share a compressor.
  std::string bytes = sender.open(1, number(2) + pair("streamtype", "error") + pair("port", "80"));
  bytes += sender.open(3, number(1) + pair("streamtype", "data"));
  bytes += render_spdy_data(3, "hello", false) + render_spdy_data(3, "", true) +
           render_spdy_ping(7) + render_spdy_reset(1, kSpdyCancel) + number(0x80030007) +
           number(8) + number(1) + number(0);
  for (const std::size_t step : {std::size_t{1}, std::size_t{13}, bytes.size()}) {
    SpdyReader reader;
    std::vector<SpdyFrame> seen;
    std::string data;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      const auto frames = reader.feed(std::string_view(bytes).substr(at, step));
      ASSERT_TRUE(frames) << frames.error().message;
      for (const SpdyFrame& frame : *frames) {
        data += frame.data;
        if (frame.data.empty()) seen.push_back(frame);
      }
    }
    EXPECT_EQ(data, "hello");
    ASSERT_THAT(seen, SizeIs(6));
    EXPECT_EQ(seen[0].headers.find("port"), "80");
    EXPECT_EQ(seen[1].stream, 3U);
    EXPECT_TRUE(seen[2].fin);
    EXPECT_EQ(seen[3].type, SpdyFrame::Type::kPing);
    EXPECT_EQ(seen[3].stream, 7U);
    EXPECT_EQ(seen[4].type, SpdyFrame::Type::kReset);
    EXPECT_EQ(seen[5].type, SpdyFrame::Type::kGoAway);
  }
}

std::string refusal(const std::string& bytes) {
  SpdyReader reader;
  const auto frames = reader.feed(bytes);
  return frames ? "" : frames.error().message;
}

// Headers that unpack to a thousand times their size must not fill the memory.
TEST(Spdy, WhatIsTooLargeOrNoSpdyIsRefused) {
  EXPECT_THAT(refusal(std::string("\x80\x02\0\x01\0\0\0\0", 8) + "GET / HTTP/1.1"),
              HasSubstr("version"));
  EXPECT_THAT(refusal(number(0x80030001) + number(100'000)), HasSubstr("too large"));
  EXPECT_THAT(refusal(number(0x80030001) + number(4) + number(1)), HasSubstr("cut off"));
  EXPECT_THAT(refusal(number(0x80030001) + number(14) + std::string(14, 'x')),
              HasSubstr("no zlib stream"));
  Sender sender;
  EXPECT_THAT(refusal(sender.open(1, number(1) + pair("a", std::string(1 << 20, 'b')))),
              HasSubstr("too large"));
  EXPECT_THAT(refusal(Sender().open(1, number(1) + number(9) + "short")), HasSubstr("cut off"));
}

}  // namespace
}  // namespace rage::cluster::detail
