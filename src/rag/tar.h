// The little of tar (POSIX ustar) that a backup needs: regular files, one after the other. What it
// writes, `tar -xf` reads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::rag {

inline constexpr std::size_t kTarBlock = 512;

struct TarEntry {
  std::string name;  // Relative, without "..", at most 100 bytes.
  std::uint64_t bytes = 0;
};

// `mtime`: seconds since the epoch.
std::array<char, kTarBlock> render_tar_header(const TarEntry& entry, std::int64_t mtime);

// Of one block. None: it is the end. kDataLoss: it is no header of a regular file, or its checksum
// is wrong.
Result<std::optional<TarEntry>> parse_tar_header(std::string_view block);

// Bytes that follow the content of a file, up to the next block.
std::uint64_t tar_padding(std::uint64_t bytes);

}  // namespace rage::rag
