#include "codec/msgpack.h"

#include <bit>

namespace rage::codec {
namespace {

using Kind = MsgpackToken::Kind;

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "MessagePack: {}", what);
}

}  // namespace

Result<std::uint64_t> MsgpackReader::big_endian(std::size_t bytes) {
  if (rest_.size() < bytes) return bad("the bytes end inside of a value");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    value = value << 8U | static_cast<unsigned char>(rest_[i]);
  }
  rest_.remove_prefix(bytes);
  return value;
}

Result<MsgpackToken> MsgpackReader::bytes_of(Kind kind, std::uint64_t size) {
  if (rest_.size() < size) return bad("the bytes end inside of a value");
  const MsgpackToken token{.kind = kind, .text = rest_.substr(0, size)};
  rest_.remove_prefix(size);
  return token;
}

Result<MsgpackToken> MsgpackReader::container(Kind kind, std::uint64_t count) {
  const std::uint64_t values = kind == Kind::kMap ? 2 * count : count;
  if (values > rest_.size()) return bad("there are fewer values than announced");
  return MsgpackToken{.kind = kind, .text = {}, .count = static_cast<std::uint32_t>(count)};
}

Result<MsgpackToken> MsgpackReader::whole(std::size_t bytes) {
  ASSIGN_OR_RETURN(const std::uint64_t value, big_endian(bytes));
  return MsgpackToken{.kind = Kind::kUnsigned, .number = value, .text = {}};
}

Result<MsgpackToken> MsgpackReader::signed_whole(std::size_t bytes) {
  ASSIGN_OR_RETURN(const std::uint64_t raw, big_endian(bytes));
  const std::size_t unused = 64 - 8 * bytes;
  const auto value = static_cast<std::int64_t>(raw << unused) >> unused;
  return MsgpackToken{.kind = value < 0 ? Kind::kNegative : Kind::kUnsigned,
                      .number = static_cast<std::uint64_t>(value),
                      .text = {}};
}

Result<MsgpackToken> MsgpackReader::real(std::size_t bytes) {
  ASSIGN_OR_RETURN(const std::uint64_t raw, big_endian(bytes));
  const double value = bytes == 4 ? double{std::bit_cast<float>(static_cast<std::uint32_t>(raw))}
                                  : std::bit_cast<double>(raw);
  return MsgpackToken{.kind = Kind::kDouble, .real = value, .text = {}};
}

// A byte for its type, then the data. 0: the size is told by the caller's format byte alone.
Result<MsgpackToken> MsgpackReader::extension(std::size_t size_bytes) {
  ASSIGN_OR_RETURN(const std::uint64_t size, big_endian(size_bytes));
  return bytes_of(Kind::kOther, size + 1);
}

Result<MsgpackToken> MsgpackReader::next() {
  ASSIGN_OR_RETURN(const std::uint64_t format, big_endian(1));
  if (format <= 0x7F) return MsgpackToken{.kind = Kind::kUnsigned, .number = format, .text = {}};
  if (format <= 0x8F) return container(Kind::kMap, format & 0x0FU);
  if (format <= 0x9F) return container(Kind::kArray, format & 0x0FU);
  if (format <= 0xBF) return bytes_of(Kind::kText, format & 0x1FU);
  if (format >= 0xE0) {
    const auto value = static_cast<std::int64_t>(format) - 256;
    return MsgpackToken{
        .kind = Kind::kNegative, .number = static_cast<std::uint64_t>(value), .text = {}};
  }
  const auto sized = [&](Kind kind, std::size_t bytes) -> Result<MsgpackToken> {
    ASSIGN_OR_RETURN(const std::uint64_t size, big_endian(bytes));
    const bool holds_values = kind == Kind::kArray || kind == Kind::kMap;
    return holds_values ? container(kind, size) : bytes_of(kind, size);
  };
  switch (format) {
    case 0xC0:
      return MsgpackToken{};
    case 0xC2:
    case 0xC3:
      return MsgpackToken{.kind = Kind::kBool, .number = format & 1U, .text = {}};
    case 0xC4:
    case 0xC5:
    case 0xC6:
      return sized(Kind::kBytes, std::size_t{1} << (format - 0xC4));
    case 0xC7:
    case 0xC8:
    case 0xC9:
      return extension(std::size_t{1} << (format - 0xC7));
    case 0xCA:
      return real(4);
    case 0xCB:
      return real(8);
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
      return whole(std::size_t{1} << (format - 0xCC));
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
      return signed_whole(std::size_t{1} << (format - 0xD0));
    case 0xD4:
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
      return bytes_of(Kind::kOther, (std::uint64_t{1} << (format - 0xD4)) + 1);
    case 0xD9:
    case 0xDA:
    case 0xDB:
      return sized(Kind::kText, std::size_t{1} << (format - 0xD9));
    case 0xDC:
    case 0xDD:
      return sized(Kind::kArray, std::size_t{2} << (format - 0xDC));
    case 0xDE:
    case 0xDF:
      return sized(Kind::kMap, std::size_t{2} << (format - 0xDE));
    default:  // 0xC1 is never used.
      return bad("a byte that begins no value");
  }
}

Result<void> MsgpackReader::skip() {
  // Each value is at least a byte, so this ends with the bytes at the latest.
  for (std::uint64_t left = 1; left > 0; --left) {
    ASSIGN_OR_RETURN(const MsgpackToken token, next());
    if (token.kind == Kind::kArray) left += token.count;
    if (token.kind == Kind::kMap) left += 2ULL * token.count;
  }
  return {};
}

}  // namespace rage::codec
