// Copies of indexes in one file, made while they are read and written, by this process or another.
// The file is a tar of SQLite databases and a manifest (docs/formats/backup.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace rage::rag {

struct BackedUpIndex {
  std::string name;
  std::string file;  // Within the backup.
  std::uint64_t bytes = 0;
  std::string sha256 = {};
  std::string embedder = {};
};

struct BackupReport {
  std::vector<BackedUpIndex> indexes;
  std::vector<std::string> failures;  // "index 'x': why"; the others are in the backup.
};

// Each index as it is at one moment (not all at the same). `names` empty: all. The file is written
// beside its place and renamed: it is there whole or not at all. kNotFound: there is no such index
// or no data directory; kUnavailable or kResourceExhausted: it cannot be written.
Result<BackupReport> write_backup(const std::filesystem::path& data_directory,
                                  const std::vector<std::string>& names,
                                  const std::filesystem::path& file, WallTime now);

// What a backup holds, after every byte of it was compared with its checksums. kDataLoss: it is cut
// off or damaged; kFailedPrecondition: a later format.
Result<std::vector<BackedUpIndex>> verify_backup(const std::filesystem::path& file);

// The manifest at the end of a backup. Pure; for verify_backup() and its tests.
Result<std::vector<BackedUpIndex>> parse_backup_manifest(std::string_view json);

// Writes that index's database as FOLDER/collection.db, synced; the folder is made.
Result<void> extract_index(const std::filesystem::path& file, const BackedUpIndex& index,
                           const std::filesystem::path& folder);

// Puts the indexes into a data directory that no service uses (kFailedPrecondition if one does).
// kAlreadyExists, and nothing has changed, if one of them exists and `overwrite` is not set; each
// is there whole or not at all.
Result<void> restore_offline(const std::filesystem::path& file,
                             const std::vector<BackedUpIndex>& indexes,
                             const std::filesystem::path& data_directory, bool overwrite);

}  // namespace rage::rag
