#include "node/log_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/strings.h"

namespace rage::node {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr auto kFollowInterval = std::chrono::milliseconds(100);
constexpr std::uint64_t kPartBytesMax = std::uint64_t{64} << 20;
constexpr std::size_t kReadBytesMax = std::size_t{128} << 20;  // Before what is followed.

fs::path with_ending(const fs::path& file, std::string_view ending) {
  return fs::path(file.string() + std::string(ending));
}

int open_log(const fs::path& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

// "7.log.1" belongs to run 7.
std::optional<std::uint32_t> run_of(const fs::path& path) {
  const std::string name = path.filename().string();
  const auto number = parse_uint(std::string_view(name).substr(0, name.find('.')));
  if (!number || *number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<std::uint32_t> newest_run(const fs::path& directory) {
  std::optional<std::uint32_t> newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const auto run = run_of(entry.path());
    if (run && (!newest || *run > *newest)) newest = run;
  }
  return newest;
}

void remove_runs_before(const fs::path& directory, std::uint32_t first) {
  std::error_code error;
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const auto run = run_of(entry.path());
    if (run && *run < first) old.push_back(entry.path());
  }
  for (const fs::path& path : old) fs::remove(path, error);
}

// Where the last `lines` lines begin.
std::size_t tail_start(std::string_view text, std::uint64_t lines) {
  if (lines == 0) return text.size();
  std::size_t at = text.ends_with('\n') ? text.size() - 1 : text.size();
  while (at > 0) {
    const std::size_t found = text.rfind('\n', at - 1);
    if (found == std::string_view::npos) return 0;
    if (--lines == 0) return found + 1;
    at = found;
  }
  return 0;
}

constexpr auto kEndings =
    std::to_array<const char*>({".log.2", ".log.1", ".log"});  // Oldest first.

// Resource. One part of a log, being read.
class Part final {
 public:
  explicit Part(const fs::path& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Part() {
    if (fd_ >= 0) ::close(fd_);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  bool is(const fs::path& path) const {
    struct stat ours{};
    struct stat there{};
    return ::fstat(fd_, &ours) == 0 && ::stat(path.c_str(), &there) == 0 &&
           ours.st_ino == there.st_ino;
  }
  // Empty at the end of what is there.
  std::string_view read() {
    const ssize_t got = ::read(fd_, buffer_, sizeof(buffer_));
    return {buffer_, got > 0 ? static_cast<std::size_t>(got) : 0};
  }

 private:
  const int fd_;
  char buffer_[kPieceBytes];
};

// The part that follows this one, whatever it is called by now; none: it is the newest. One that
// was thrown away in the meantime is followed by the oldest there is.
std::optional<fs::path> part_after(const Part& part, const fs::path& file) {
  for (std::size_t i = 0; i < kEndings.size(); ++i) {
    if (!part.is(with_ending(file, kEndings[i]))) continue;
    return i + 1 < kEndings.size() ? std::optional(with_ending(file, kEndings[i + 1]))
                                   : std::nullopt;
  }
  std::error_code error;
  for (const char* ending : kEndings) {
    if (fs::exists(with_ending(file, ending), error)) return with_ending(file, ending);
  }
  return std::nullopt;
}

// From where `part` stands to the end of the run.
Result<void> follow_run(const Context& context, Clock& clock, const fs::path& file,
                        std::unique_ptr<Part> part,
                        const std::function<bool(std::string_view)>& on_bytes) {
  std::error_code error;
  while (context.check()) {
    // Both before the last look at this part.
    const bool ended = fs::exists(with_ending(file, ".end"), error) ||
                       !fs::exists(file.parent_path(), error);  // The pod is gone.
    const auto next = part_after(*part, file);
    for (std::string_view bytes = part->read(); !bytes.empty(); bytes = part->read()) {
      if (!on_bytes(bytes)) return {};
    }
    if (next) {
      part = std::make_unique<Part>(*next);
      continue;
    }
    if (ended || !clock.sleep_for(kFollowInterval, context.stop)) return {};
  }
  return {};
}

}  // namespace

Result<LogWriter> LogWriter::open(fs::path directory, std::uint32_t run, const LogLimits& limits) {
  RETURN_IF_ERROR(ensure_directory(directory));
  if (run > 0) remove_runs_before(directory, run - 1);
  const fs::path file = directory / std::to_string(run);
  std::error_code error;
  fs::remove(with_ending(file, ".end"), error);
  const fs::path path = with_ending(file, ".log");
  const int fd = open_log(path);
  if (fd < 0) {
    return fail(ErrorCode::kUnavailable, "cannot write {}: {}", path.string(),
                std::strerror(errno));
  }
  const auto bytes = fs::file_size(path, error);
  return LogWriter(file, fd, error ? 0 : bytes, limits);
}

LogWriter::LogWriter(LogWriter&& other) noexcept
    : file_(std::move(other.file_)),
      fd_(std::exchange(other.fd_, -1)),
      bytes_(other.bytes_),
      limits_(other.limits_) {}

LogWriter::~LogWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  const int mark = open_log(with_ending(file_, ".end"));
  if (mark >= 0) ::close(mark);
}

void LogWriter::write(std::string_view bytes) {
  if (bytes_ + bytes.size() > limits_.part_bytes_max && bytes_ > 0) rotate();
  while (!bytes.empty() && fd_ >= 0) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void LogWriter::rotate() {
  const fs::path newest = with_ending(file_, ".log");
  ::rename(with_ending(file_, ".log.1").c_str(), with_ending(file_, ".log.2").c_str());
  ::rename(newest.c_str(), with_ending(file_, ".log.1").c_str());
  const int fresh = open_log(newest);
  if (fresh < 0) return;  // The old part goes on.
  ::close(fd_);
  fd_ = fresh;
  bytes_ = 0;
}

fs::path log_directory(const NodePaths& paths, const std::string& uid,
                       const std::string& container) {
  return paths.pod(uid) / "logs" / container;
}

Result<void> read_log(const Context& context, Clock& clock, const NodePaths& paths,
                      const LogRequest& request,
                      const std::function<bool(std::string_view)>& on_bytes) {
  const fs::path directory = log_directory(paths, request.pod_uid, request.container);
  const auto newest = newest_run(directory);
  const std::uint32_t back = request.previous ? 1 : 0;
  if (!newest || *newest < back) {
    return fail(ErrorCode::kNotFound, "{}container \"{}\" has written no log yet",
                request.previous ? "previous terminated " : "", request.container);
  }
  const fs::path file = directory / std::to_string(*newest - back);
  auto newest_part = std::make_unique<Part>(with_ending(file, ".log"));
  std::string all;
  for (const char* ending : {".log.2", ".log.1"}) {
    if (const auto part = read_file(with_ending(file, ending), kPartBytesMax)) all += *part;
  }
  for (std::string_view bytes = newest_part->read(); !bytes.empty() && all.size() < kReadBytesMax;
       bytes = newest_part->read()) {
    all += bytes;
  }
  std::string_view text = all;
  if (request.tail_lines) text.remove_prefix(tail_start(text, *request.tail_lines));
  if (!text.empty() && !on_bytes(text)) return {};
  if (!request.follow) return {};
  all = {};
  return follow_run(context, clock, file, std::move(newest_part), on_bytes);
}

}  // namespace rage::node
