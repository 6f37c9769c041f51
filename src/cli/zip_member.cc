#include "cli/zip_member.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

namespace rage::cli {
namespace {

constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kEntryBytes = 46;
constexpr std::size_t kHeaderBytes = 30;
constexpr std::size_t kCommentBytesMax = 65535;
constexpr std::uint32_t kZip64 = 0xffffffff;

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kInvalidArgument, "not a ZIP archive, or a damaged one");
}

std::uint32_t little_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = count; i > 0; --i) {
    value = value << 8U | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return value;
}

struct Entry {
  std::uint32_t flags = 0;
  std::uint32_t method = 0;
  std::uint32_t packed_bytes = 0;
  std::size_t header_at = 0;
};

// Where the central directory begins; an archive may have a comment behind its last record.
std::optional<std::size_t> find_directory(std::string_view archive) {
  if (archive.size() < kEndBytes) return std::nullopt;
  const std::size_t first = archive.size() - std::min(archive.size(), kEndBytes + kCommentBytesMax);
  for (std::size_t at = archive.size() - kEndBytes + 1; at-- > first;) {
    if (archive.substr(at, 4) != "PK\x05\x06") continue;
    return little_endian(archive, at + 16, 4);
  }
  return std::nullopt;
}

Result<Entry> find_entry(std::string_view archive, std::string_view name) {
  const auto directory = find_directory(archive);
  if (!directory) return damaged();
  for (std::size_t at = *directory; at + kEntryBytes <= archive.size();) {
    if (archive.substr(at, 4) != "PK\x01\x02") break;
    const std::size_t name_bytes = little_endian(archive, at + 28, 2);
    const std::size_t next = at + kEntryBytes + name_bytes + little_endian(archive, at + 30, 2) +
                             little_endian(archive, at + 32, 2);
    if (archive.substr(at + kEntryBytes, name_bytes) == name) {
      return Entry{.flags = little_endian(archive, at + 8, 2),
                   .method = little_endian(archive, at + 10, 2),
                   .packed_bytes = little_endian(archive, at + 20, 4),
                   .header_at = little_endian(archive, at + 42, 4)};
    }
    at = next;
  }
  return fail(ErrorCode::kNotFound, "the archive has no {}", name);
}

Result<std::string> inflate_all(std::string_view packed, std::size_t bytes_max) {
  z_stream stream{};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
    return fail(ErrorCode::kResourceExhausted, "no memory to unpack");
  }
  const std::unique_ptr<z_stream, decltype(&::inflateEnd)> ending(&stream, &::inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  int state = Z_OK;
  while (state == Z_OK) {
    constexpr std::size_t kPiece = std::size_t{64} << 10;
    const std::size_t before = out.size();
    out.resize(before + kPiece);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = kPiece;
    state = ::inflate(&stream, Z_NO_FLUSH);
    out.resize(before + kPiece - stream.avail_out);
    if (out.size() > bytes_max) {
      return fail(ErrorCode::kResourceExhausted, "larger than {} MiB unpacked", bytes_max >> 20U);
    }
  }
  if (state != Z_STREAM_END) return damaged();
  return out;
}

}  // namespace

Result<std::string> read_zip_member(std::string_view archive, std::string_view name,
                                    std::size_t bytes_max) {
  ASSIGN_OR_RETURN(const Entry entry, find_entry(archive, name));
  if ((entry.flags & 1U) != 0) return fail(ErrorCode::kUnimplemented, "the archive is encrypted");
  if (entry.packed_bytes == kZip64) {
    return fail(ErrorCode::kUnimplemented, "archives of more than 4 GiB cannot be read");
  }
  if (entry.header_at > archive.size() || archive.size() - entry.header_at < kHeaderBytes ||
      archive.substr(entry.header_at, 4) != "PK\x03\x04") {
    return damaged();
  }
  const std::size_t data_at = entry.header_at + kHeaderBytes +
                              little_endian(archive, entry.header_at + 26, 2) +
                              little_endian(archive, entry.header_at + 28, 2);
  if (data_at > archive.size() || archive.size() - data_at < entry.packed_bytes) return damaged();
  const std::string_view packed = archive.substr(data_at, entry.packed_bytes);
  if (entry.method == 8) return inflate_all(packed, bytes_max);
  if (entry.method != 0) {
    return fail(ErrorCode::kUnimplemented, "the archive is packed in an unknown way");
  }
  if (packed.size() > bytes_max) {
    return fail(ErrorCode::kResourceExhausted, "larger than {} MiB unpacked", bytes_max >> 20U);
  }
  return std::string(packed);
}

}  // namespace rage::cli
