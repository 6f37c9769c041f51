#include "base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "base/detail/fd.h"

namespace rage {
namespace {

using detail::Fd;

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
      return ErrorCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kResourceExhausted;
    default:
      return ErrorCode::kUnavailable;
  }
}

std::unexpected<Error> fail_errno(const char* what, const std::filesystem::path& path) {
  const int error = errno;
  return fail(code_of(error), "{} {}: {}", what, path.string(), std::strerror(error));
}

Result<void> write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno("cannot write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<int> open_lock(const std::filesystem::path& path, int operation) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd.get() < 0) return fail_errno("cannot open the lock", path);
  while (::flock(fd.get(), operation) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return fail(ErrorCode::kFailedPrecondition, "{} is locked by another process", path.string());
    }
    return fail_errno("cannot lock", path);
  }
  return fd.release();
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return fail_errno("cannot open", path);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail_errno("cannot stat", path);
  if (S_ISDIR(info.st_mode))
    return fail(ErrorCode::kInvalidArgument, "{} is a directory", path.string());
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, info.st_size)));
  char block[65536];
  while (true) {
    const ssize_t got = ::read(fd.get(), block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("cannot read", path);
    if (got == 0) return bytes;
    bytes.append(block, static_cast<std::size_t>(got));
    if (bytes.size() > bytes_max) {
      return fail(ErrorCode::kResourceExhausted, "{} is larger than {} bytes", path.string(),
                  bytes_max);
    }
  }
}

Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path temporary = path.string() + ".tmp." + std::to_string(::getpid());
  {
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (fd.get() < 0) return fail_errno("cannot create", temporary);
    RETURN_IF_ERROR(write_all(fd.get(), bytes, temporary));
    if (::fsync(fd.get()) != 0) return fail_errno("cannot sync", temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail_errno("cannot rename to", path);
  Fd directory(::open(path.parent_path().empty() ? "." : path.parent_path().c_str(),
                      O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
  return {};
}

Result<void> ensure_directory(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error)
    return fail(code_of(error.value()), "cannot create {}: {}", path.string(), error.message());
  return {};
}

Result<std::unique_ptr<FileLock>> FileLock::acquire(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const int fd, open_lock(path, LOCK_EX));
  return std::unique_ptr<FileLock>(new FileLock(fd));
}

Result<std::unique_ptr<FileLock>> FileLock::try_acquire(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const int fd, open_lock(path, LOCK_EX | LOCK_NB));
  return std::unique_ptr<FileLock>(new FileLock(fd));
}

FileLock::~FileLock() {
  ::close(fd_);
}

Result<std::unique_ptr<TemporaryDirectory>> TemporaryDirectory::create(std::string_view prefix) {
  std::error_code error;
  const std::filesystem::path root = std::filesystem::temp_directory_path(error);
  if (error) return fail(ErrorCode::kUnavailable, "no temporary directory: {}", error.message());
  std::string name = (root / fmt::format("{}XXXXXX", prefix)).string();
  if (::mkdtemp(name.data()) == nullptr) return fail_errno("cannot create", name);
  return std::unique_ptr<TemporaryDirectory>(new TemporaryDirectory(name));
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace rage
