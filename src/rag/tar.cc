#include "rag/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace rage::rag {
namespace {

// Where a header has what.
struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kOwner{108, 8};
constexpr Field kGroup{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr std::size_t kType = 156;
constexpr Field kMagic{257, 8};
constexpr std::uint64_t kOctalSizeMax = (std::uint64_t{1} << 33) - 1;

using Block = std::array<char, kTarBlock>;

void put(Block& block, Field field, std::string_view text) {
  CHECK(text.size() <= field.size);
  std::memcpy(&block[field.at], text.data(), text.size());
}

void put_octal(Block& block, Field field, std::uint64_t value) {
  put(block, field, fmt::format("{:0{}o}", value, field.size - 1));
}

// Large sizes are binary, big-endian, with the first bit set: what GNU tar does, too.
void put_size(Block& block, std::uint64_t bytes) {
  if (bytes <= kOctalSizeMax) return put_octal(block, kSize, bytes);
  block[kSize.at] = static_cast<char>(0x80);
  for (std::size_t i = 0; i < 8; ++i) {
    block[kSize.at + kSize.size - 1 - i] = static_cast<char>((bytes >> (8 * i)) & 0xFFU);
  }
}

// Of the block with its checksum as spaces.
std::uint64_t checksum(std::string_view block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    sum += own ? ' ' : static_cast<unsigned char>(block[i]);
  }
  return sum;
}

std::optional<std::uint64_t> parse_octal(std::string_view text) {
  std::uint64_t value = 0;
  bool any = false;
  for (const char c : text) {
    if (c == '\0' || (c == ' ' && any)) break;
    if (c == ' ') continue;
    if (c < '0' || c > '7') return std::nullopt;
    value = (value << 3) | static_cast<std::uint64_t>(c - '0');
    any = true;
  }
  if (!any) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  if ((static_cast<unsigned char>(text[0]) & 0x80U) == 0) return parse_octal(text);
  std::uint64_t value = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if ((value >> 56) != 0) return std::nullopt;
    value = (value << 8) | static_cast<unsigned char>(text[i]);
  }
  return value;
}

bool is_safe_name(std::string_view name) {
  return !name.empty() && name.front() != '/' && name.find("..") == std::string_view::npos;
}

}  // namespace

Block render_tar_header(const TarEntry& entry, std::int64_t mtime) {
  Block block{};
  put(block, kName, entry.name);
  put_octal(block, kMode, 0600);
  put_octal(block, kOwner, 0);
  put_octal(block, kGroup, 0);
  put_size(block, entry.bytes);
  put_octal(block, kTime, static_cast<std::uint64_t>(std::max<std::int64_t>(mtime, 0)));
  block[kType] = '0';
  put(block, kMagic, std::string_view("ustar\00000", 8));
  put(block, kChecksum,
      fmt::format("{:06o}", checksum({block.data(), block.size()})) + std::string("\0 ", 2));
  return block;
}

Result<std::optional<TarEntry>> parse_tar_header(std::string_view block) {
  CHECK(block.size() == kTarBlock);
  if (std::ranges::all_of(block, [](char c) { return c == '\0'; })) return std::nullopt;
  const auto field = [&](Field f) { return block.substr(f.at, f.size); };
  const auto sum = parse_octal(field(kChecksum));
  if (!sum || *sum != checksum(block)) return fail(ErrorCode::kDataLoss, "a header is damaged");
  const std::string_view name = field(kName).substr(0, field(kName).find('\0'));
  const auto bytes = parse_size(field(kSize));
  if (block[kType] != '0' || !bytes || !is_safe_name(name)) {
    return fail(ErrorCode::kDataLoss, "it holds something that is no regular file");
  }
  return TarEntry{.name = std::string(name), .bytes = *bytes};
}

std::uint64_t tar_padding(std::uint64_t bytes) {
  return (kTarBlock - bytes % kTarBlock) % kTarBlock;
}

}  // namespace rage::rag
