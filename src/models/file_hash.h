// Hashes of files as the hub names them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::models {

// Lower-case hex of the SHA-256 (FIPS 180-4) of the file's bytes.
Result<std::string> sha256_of_file(const std::filesystem::path& path);

// Lower-case hex of git's SHA-1 of the file as a blob: "blob SIZE\0" and the bytes.
Result<std::string> git_blob_sha1_of_file(const std::filesystem::path& path);

// Whether the file has the hash that the hub's etag states: 64 hex digits are a SHA-256, 40 a git
// blob. kDataLoss if the etag is neither.
Result<bool> matches_hub_etag(const std::filesystem::path& path, std::string_view etag);

}  // namespace rage::models
