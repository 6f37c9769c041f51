#include "codec/msgpack.h"

#include <gmock/gmock.h>

#include <string>
#include <string_view>

namespace rage::codec {
namespace {

using Kind = MsgpackToken::Kind;
using namespace std::string_literals;

MsgpackToken only(const std::string& bytes) {
  MsgpackReader reader(bytes);
  const auto token = reader.next();
  EXPECT_TRUE(token);
  return token ? *token : MsgpackToken{};
}

TEST(Msgpack, NumbersOfEverySize) {
  struct Case {
    std::string bytes;
    Kind kind;
    std::int64_t value;
  } const kCases[] = {
      {"\x05"s, Kind::kUnsigned, 5},
      {"\xff"s, Kind::kNegative, -1},
      {"\xe0"s, Kind::kNegative, -32},
      {"\xcc\xff"s, Kind::kUnsigned, 255},
      {"\xcd\x01\x02"s, Kind::kUnsigned, 0x102},
      {"\xce\x01\x02\x03\x04"s, Kind::kUnsigned, 0x1020304},
      {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"s, Kind::kUnsigned, -1},
      {"\xd0\x80"s, Kind::kNegative, -128},
      {"\xd1\xff\xfe"s, Kind::kNegative, -2},
      {"\xd2\x00\x00\x00\x07"s, Kind::kUnsigned, 7},
      {"\xd3\xff\xff\xff\xff\xff\xff\xff\xfd"s, Kind::kNegative, -3},
      {"\xc2"s, Kind::kBool, 0},
      {"\xc3"s, Kind::kBool, 1},
      {"\xc0"s, Kind::kNil, 0},
  };
  for (const Case& test : kCases) {
    const MsgpackToken token = only(test.bytes);
    EXPECT_EQ(token.kind, test.kind);
    EXPECT_EQ(static_cast<std::int64_t>(token.number), test.value);
  }
  EXPECT_EQ(only("\xca\x3f\x80\x00\x00"s).real, 1.0);
  EXPECT_EQ(only("\xcb\x40\x09\x21\xfb\x54\x44\x2d\x18"s).real, 3.141592653589793);
}

TEST(Msgpack, TextsBytesAndContainersOfEverySize) {
  EXPECT_EQ(only("\xa2hi"s).text, "hi");
  EXPECT_EQ(only("\xd9\x02hi"s).text, "hi");
  EXPECT_EQ(only("\xda\x00\x02hi"s).text, "hi");
  EXPECT_EQ(only("\xdb\x00\x00\x00\x02hi"s).text, "hi");
  EXPECT_EQ(only("\xc4\x02hi"s).kind, Kind::kBytes);
  EXPECT_EQ(only("\xc5\x00\x02hi"s).text, "hi");
  EXPECT_EQ(only("\xc6\x00\x00\x00\x02hi"s).text, "hi");
  EXPECT_EQ(only("\x92\x01\x02"s).count, 2u);
  EXPECT_EQ(only("\xdc\x00\x01\x01"s).count, 1u);
  EXPECT_EQ(only("\xdd\x00\x00\x00\x01\x01"s).kind, Kind::kArray);
  EXPECT_EQ(only("\x81\x01\x02"s).kind, Kind::kMap);
  EXPECT_EQ(only("\xde\x00\x01\x01\x02"s).count, 1u);
  EXPECT_EQ(only("\xdf\x00\x00\x00\x01\x01\x02"s).count, 1u);
  EXPECT_EQ(only("\xd4\x01\x02"s).kind, Kind::kOther);
  EXPECT_EQ(only("\xc7\x02\x01xy"s).kind, Kind::kOther);
}

// A peer that lies about sizes must not make us reserve memory for them, nor read beyond the end.
TEST(Msgpack, RefusesWhatCannotBe) {
  for (const std::string& bytes :
       {""s, "\xc1"s, "\xcd\x01"s, "\xa2h"s, "\xdd\xff\xff\xff\xff"s, "\xdf\xff\xff\xff\xff"s,
        "\xdb\xff\xff\xff\xffx"s, "\xc6\xff\xff\xff\xff"s, "\x91"s, "\xd8\x01"s}) {
    MsgpackReader reader(bytes);
    EXPECT_FALSE(reader.next());
  }
}

// Depth costs no stack.
TEST(Msgpack, SkipsValuesWithEverythingInside) {
  const std::string deep = std::string(200'000, '\x91') + "\x01" + "\x07";
  MsgpackReader reader(deep);
  ASSERT_TRUE(reader.skip());
  EXPECT_EQ(reader.next()->number, 7u);
  EXPECT_TRUE(reader.at_end());
  MsgpackReader cut(std::string_view("\x92\x81\x01\x02", 4));
  EXPECT_FALSE(cut.skip());
}

}  // namespace
}  // namespace rage::codec
