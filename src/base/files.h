// Files without exceptions: whole-file reads with a limit, atomic writes, and a lock between
// processes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage {

// kNotFound if absent, kResourceExhausted if larger than bytes_max.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max);

// Writes a temporary file beside `path`, syncs it, renames it over `path`: all or nothing.
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

Result<void> ensure_directory(const std::filesystem::path& path);

// Resource. An advisory lock (flock) on `path`, held until destroyed, also across processes.
class FileLock final {
 public:
  // Waits for the holder. kUnavailable if the file cannot be opened.
  static Result<std::unique_ptr<FileLock>> acquire(const std::filesystem::path& path);
  // kFailedPrecondition at once if somebody else holds it.
  static Result<std::unique_ptr<FileLock>> try_acquire(const std::filesystem::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

// Resource. A new empty directory, removed with all it holds when destroyed.
class TemporaryDirectory final {
 public:
  static Result<std::unique_ptr<TemporaryDirectory>> create(std::string_view prefix);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace rage
