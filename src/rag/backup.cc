#include "rag/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "codec/json.h"
#include "rag/directory_home.h"
#include "rag/tar.h"
#include "store/database.h"

namespace rage::rag {
namespace {

namespace fs = std::filesystem;
using codec::Json;

constexpr std::string_view kManifest = "rage-backup/manifest.json";
constexpr std::string_view kFolder = "rage-backup/";
constexpr const char* kDatabase = "collection.db";
constexpr int kFormat = 1;
constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::uint64_t kManifestBytesMax = std::uint64_t{64} << 20;
constexpr std::size_t kEntriesMax = 100'000;

std::unexpected<Error> fail_file(const char* what, const fs::path& path) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return fail(full              ? ErrorCode::kResourceExhausted
              : error == ENOENT ? ErrorCode::kNotFound
                                : ErrorCode::kUnavailable,
              "{} {}: {}", what, path.string(), std::strerror(error));
}

// Resource. One file, read or written from its beginning to its end.
class File final {
 public:
  static Result<std::unique_ptr<File>> open(const fs::path& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd < 0) return fail_file("cannot open", path);
    return std::unique_ptr<File>(new File(fd, path));
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Result<void> write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return fail_file("cannot write", path_);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  Result<void> sync() const {
    if (::fsync(fd_) != 0) return fail_file("cannot write", path_);
    return {};
  }
  // Fewer than asked for only at the end of the file.
  Result<std::string> read(std::size_t bytes) const {
    std::string piece(bytes, '\0');
    std::size_t have = 0;
    while (have < bytes) {
      const ssize_t got = ::read(fd_, &piece[have], bytes - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail_file("cannot read", path_);
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    piece.resize(have);
    return piece;
  }

 private:
  File(int fd, fs::path path) : fd_(fd), path_(std::move(path)) {}
  const int fd_;
  const fs::path path_;
};

std::unexpected<Error> damaged(const fs::path& file, std::string_view why) {
  return fail(ErrorCode::kDataLoss, "the backup {} is cut off or damaged: {}", file.string(), why);
}

// Calls `on_piece` for each piece of the next `bytes` bytes.
Result<void> read_pieces(const File& from, std::uint64_t bytes, const fs::path& file,
                         const std::function<Result<void>(std::string_view)>& on_piece) {
  while (bytes > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, kPiece));
    ASSIGN_OR_RETURN(const std::string piece, from.read(wanted));
    if (piece.size() != wanted) return damaged(file, "it ends early");
    RETURN_IF_ERROR(on_piece(piece));
    bytes -= wanted;
  }
  return {};
}

// What is done with the content of an entry; it reads exactly its bytes.
using OnEntry = std::function<Result<void>(const File& archive, const TarEntry& entry)>;

Result<void> walk(const fs::path& file, const OnEntry& on_entry) {
  ASSIGN_OR_RETURN(const auto archive, File::open(file, O_RDONLY));
  for (std::size_t entries = 0; entries < kEntriesMax; ++entries) {
    ASSIGN_OR_RETURN(const std::string block, archive->read(kTarBlock));
    if (block.size() != kTarBlock) return damaged(file, "it ends early");
    auto entry = parse_tar_header(block);
    if (!entry) return damaged(file, entry.error().message);
    if (!*entry) return {};
    RETURN_IF_ERROR(on_entry(*archive, **entry));
    RETURN_IF_ERROR(read_pieces(*archive, tar_padding((*entry)->bytes), file,
                                [](std::string_view) -> Result<void> { return {}; }));
  }
  return damaged(file, "it has too many files");
}

Result<std::string> hash_of(const File& archive, const TarEntry& entry, const fs::path& file) {
  Sha256 hash;
  RETURN_IF_ERROR(
      read_pieces(archive, entry.bytes, file, [&](std::string_view piece) -> Result<void> {
        hash.update(piece);
        return {};
      }));
  return to_hex(hash.finish());
}

// Names of indexes and where they are. A folder that names no index is none: a creation that was
// cut short, or a damaged file, which only matters if it was asked for.
std::map<std::string, fs::path> find_indexes(const fs::path& data_directory,
                                             std::vector<std::string>& failures) {
  std::map<std::string, fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data_directory / "indexes", error)) {
    const fs::path database = entry.path() / kDatabase;
    if (!entry.path().filename().string().starts_with("index-")) continue;
    if (!fs::is_regular_file(database, error)) continue;
    const auto name = stored_index_meta(entry.path(), "name");
    if (name) found.emplace(*name, entry.path());
    if (!name) failures.push_back(entry.path().filename().string() + ": " + name.error().message);
  }
  return found;
}

Result<void> append_file(const File& archive, const fs::path& path, BackedUpIndex& index,
                         std::int64_t mtime) {
  std::error_code error;
  index.bytes = fs::file_size(path, error);
  if (error) return fail(ErrorCode::kUnavailable, "{}: {}", path.string(), error.message());
  const auto header = render_tar_header({.name = index.file, .bytes = index.bytes}, mtime);
  RETURN_IF_ERROR(archive.write({header.data(), header.size()}));
  ASSIGN_OR_RETURN(const auto copy, File::open(path, O_RDONLY));
  Sha256 hash;
  RETURN_IF_ERROR(read_pieces(*copy, index.bytes, path, [&](std::string_view piece) {
    hash.update(piece);
    return archive.write(piece);
  }));
  index.sha256 = to_hex(hash.finish());
  return archive.write(std::string(tar_padding(index.bytes), '\0'));
}

std::string render_manifest(const std::vector<BackedUpIndex>& indexes, WallTime now) {
  Json list = Json::array();
  for (const BackedUpIndex& index : indexes) {
    list.push_back({{"name", index.name},
                    {"file", index.file},
                    {"bytes", index.bytes},
                    {"sha256", index.sha256},
                    {"embedder", index.embedder}});
  }
  return codec::render_json_pretty(
      {{"format", kFormat}, {"created", unix_seconds(now)}, {"indexes", list}});
}

Result<void> append_manifest(const File& archive, const std::vector<BackedUpIndex>& indexes,
                             WallTime now) {
  const std::string manifest = render_manifest(indexes, now);
  const auto header = render_tar_header({.name = std::string(kManifest), .bytes = manifest.size()},
                                        unix_seconds(now));
  RETURN_IF_ERROR(archive.write({header.data(), header.size()}));
  RETURN_IF_ERROR(archive.write(manifest));
  return archive.write(std::string(tar_padding(manifest.size()) + 2 * kTarBlock, '\0'));
}

// A consistent copy of a live index, put into the archive.
Result<BackedUpIndex> append_index(const File& archive, const fs::path& folder,
                                   const std::string& name, std::size_t number,
                                   const fs::path& scratch, WallTime now) {
  BackedUpIndex index{.name = name, .file = fmt::format("{}{:05}.db", kFolder, number)};
  ASSIGN_OR_RETURN(index.embedder, stored_index_meta(folder, "embedder"));
  ASSIGN_OR_RETURN(const auto database, store::Database::open(folder / kDatabase));
  RETURN_IF_ERROR(database->copy_to(scratch));
  RETURN_IF_ERROR(append_file(archive, scratch, index, unix_seconds(now)));
  return index;
}

Result<BackupReport> write_archive(const std::map<std::string, fs::path>& wanted,
                                   const fs::path& partial, WallTime now) {
  BackupReport report;
  const fs::path scratch = partial.string() + ".db";
  ASSIGN_OR_RETURN(const auto archive, File::open(partial, O_WRONLY | O_CREAT | O_EXCL));
  for (const auto& [name, folder] : wanted) {
    auto index = append_index(*archive, folder, name, report.indexes.size(), scratch, now);
    std::error_code ignored;
    fs::remove(scratch, ignored);
    if (index) {
      report.indexes.push_back(*std::move(index));
    } else if (index.error().code == ErrorCode::kDataLoss) {
      report.failures.push_back(fmt::format("index '{}': {}", name, index.error().message));
    } else {
      return fail(std::move(index).error().with_context(fmt::format("index '{}'", name)));
    }
  }
  RETURN_IF_ERROR(append_manifest(*archive, report.indexes, now));
  RETURN_IF_ERROR(archive->sync());
  return report;
}

}  // namespace

Result<BackupReport> write_backup(const fs::path& data_directory,
                                  const std::vector<std::string>& names, const fs::path& file,
                                  WallTime now) {
  std::error_code error;
  if (!fs::is_directory(data_directory / "indexes", error)) {
    return fail(ErrorCode::kNotFound, "there are no indexes below {}", data_directory.string());
  }
  std::vector<std::string> unreadable;
  std::map<std::string, fs::path> wanted = find_indexes(data_directory, unreadable);
  for (const std::string& name : names) {
    if (wanted.contains(name)) continue;
    return fail(ErrorCode::kNotFound, "No such index: '{}' exists.", name);
  }
  if (!names.empty()) {
    unreadable.clear();
    std::erase_if(wanted, [&](const auto& entry) {
      return std::ranges::find(names, entry.first) == names.end();
    });
  }
  const fs::path partial = file.string() + ".partial-" + random_uuid();
  auto report = write_archive(wanted, partial, now);
  if (report) {
    fs::rename(partial, file, error);
    if (error) {
      report = fail(ErrorCode::kUnavailable, "cannot write {}: {}", file.string(), error.message());
    } else if (auto synced = store::sync_path(fs::absolute(file).parent_path()); !synced) {
      report = fail(std::move(synced).error());
    }
  }
  std::error_code ignored;
  fs::remove(partial, ignored);
  RETURN_IF_ERROR(report);
  report->failures.insert(report->failures.end(), unreadable.begin(), unreadable.end());
  return report;
}

Result<std::vector<BackedUpIndex>> parse_backup_manifest(std::string_view text) {
  const auto manifest = codec::parse_json(text);
  const Json* list = manifest ? codec::find_key(*manifest, "indexes") : nullptr;
  if (list == nullptr || !list->is_array()) {
    return fail(ErrorCode::kDataLoss, "its manifest lists no indexes");
  }
  if (codec::number_or(*manifest, "format", 0) != kFormat) {
    return fail(ErrorCode::kFailedPrecondition, "the backup has format {}, this program reads {}",
                codec::render_json(manifest->value("format", Json())), kFormat);
  }
  std::vector<BackedUpIndex> indexes;
  for (const Json& entry : *list) {
    const Json* bytes = codec::find_key(entry, "bytes");
    const Json* name = codec::find_key(entry, "name");
    BackedUpIndex index{.name = codec::string_or(entry, "name", ""),
                        .file = codec::string_or(entry, "file", ""),
                        .sha256 = codec::string_or(entry, "sha256", ""),
                        .embedder = codec::string_or(entry, "embedder", "")};
    if (name == nullptr || !name->is_string() || bytes == nullptr || !bytes->is_number_unsigned() ||
        index.file.empty() || index.sha256.size() != 64) {
      return fail(ErrorCode::kDataLoss, "its manifest has an entry that is none");
    }
    index.bytes = bytes->get<std::uint64_t>();
    indexes.push_back(std::move(index));
  }
  return indexes;
}

Result<std::vector<BackedUpIndex>> verify_backup(const fs::path& file) {
  std::map<std::string, std::pair<std::uint64_t, std::string>> found;  // Size and hash by name.
  std::string manifest;
  RETURN_IF_ERROR(walk(file, [&](const File& archive, const TarEntry& entry) -> Result<void> {
    if (entry.name != kManifest) {
      ASSIGN_OR_RETURN(std::string hash, hash_of(archive, entry, file));
      found[entry.name] = {entry.bytes, std::move(hash)};
      return {};
    }
    if (entry.bytes > kManifestBytesMax) return damaged(file, "its manifest is too large");
    return read_pieces(archive, entry.bytes, file, [&](std::string_view piece) -> Result<void> {
      manifest += piece;
      return {};
    });
  }));
  if (manifest.empty()) return damaged(file, "it has no manifest");
  auto indexes = parse_backup_manifest(manifest);
  if (!indexes && indexes.error().code == ErrorCode::kDataLoss) {
    return damaged(file, indexes.error().message);
  }
  RETURN_IF_ERROR(indexes);
  for (const BackedUpIndex& index : *indexes) {
    const auto entry = found.find(index.file);
    if (entry == found.end() || entry->second != std::pair(index.bytes, index.sha256)) {
      return damaged(file, fmt::format("index '{}' is not what it was", index.name));
    }
  }
  return indexes;
}

Result<void> extract_index(const fs::path& file, const BackedUpIndex& index,
                           const fs::path& folder) {
  RETURN_IF_ERROR(ensure_directory(folder));
  ASSIGN_OR_RETURN(const auto out, File::open(folder / kDatabase, O_WRONLY | O_CREAT | O_TRUNC));
  bool written = false;
  RETURN_IF_ERROR(walk(file, [&](const File& archive, const TarEntry& entry) {
    const bool wanted = entry.name == index.file;
    written = written || wanted;
    return read_pieces(archive, entry.bytes, file, [&](std::string_view piece) -> Result<void> {
      return wanted ? out->write(piece) : Result<void>{};
    });
  }));
  if (!written) return damaged(file, fmt::format("index '{}' is missing", index.name));
  return out->sync();
}

Result<void> restore_offline(const fs::path& file, const std::vector<BackedUpIndex>& indexes,
                             const fs::path& data_directory, bool overwrite) {
  const fs::path root = data_directory / "indexes";
  RETURN_IF_ERROR(ensure_directory(root));
  ASSIGN_OR_RETURN(const auto lock, FileLock::try_acquire(root / ".lock"));
  std::error_code error;
  for (const BackedUpIndex& index : indexes) {
    if (overwrite || !fs::exists(root / folder_of_index(index.name), error)) continue;
    return fail(ErrorCode::kAlreadyExists,
                "index '{}' exists: give --overwrite to replace it, or name the indexes to restore",
                index.name);
  }
  for (const BackedUpIndex& index : indexes) {
    const fs::path incoming = root / ("incoming-" + random_uuid());  // See collection.md.
    const Result<void> extracted = extract_index(file, index, incoming);
    if (!extracted) {
      fs::remove_all(incoming, error);
      return extracted;
    }
    const fs::path place = root / folder_of_index(index.name);
    const fs::path trash = root / ("removed-" + random_uuid());
    fs::rename(place, trash, error);  // Fails if there is none.
    fs::rename(incoming, place, error);
    if (error) {
      return fail(ErrorCode::kUnavailable, "cannot restore index '{}': {}", index.name,
                  error.message());
    }
    RETURN_IF_ERROR(store::sync_path(root));
    fs::remove_all(trash, error);
  }
  return {};
}

}  // namespace rage::rag
