// The output of containers as files, kept and rotated: writing them and reading them back. Whoever
// shares the data directory can read, in this process or another.
//   pods/UID/logs/CONTAINER/N.log   the Nth run, newest part; N.log.1 and N.log.2 are older parts
//   pods/UID/logs/CONTAINER/N.end   nothing more is written to it
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "node/volumes.h"

namespace rage::node {

struct LogLimits {
  std::uint64_t part_bytes_max = std::uint64_t{10} << 20;  // Three parts of a run are kept.
};

// Resource. One thread.
class LogWriter final {
 public:
  // The directory of a container, and which run of it. Older runs than the one before are removed.
  static Result<LogWriter> open(std::filesystem::path directory, std::uint32_t run,
                                const LogLimits& limits = {});
  LogWriter(LogWriter&& other) noexcept;
  LogWriter& operator=(LogWriter&&) = delete;
  ~LogWriter();  // Marks its end.

  // What cannot be written (a full disk) is lost; the program goes on.
  void write(std::string_view bytes);

 private:
  LogWriter(std::filesystem::path file, int fd, std::uint64_t bytes, const LogLimits& limits)
      : file_(std::move(file)), fd_(fd), bytes_(bytes), limits_(limits) {}
  void rotate();

  std::filesystem::path file_;  // Without ending.
  int fd_;
  std::uint64_t bytes_;
  LogLimits limits_;
};

struct LogRequest {
  std::string pod_uid;
  std::string container;
  bool previous = false;  // The run before.
  bool follow = false;    // Until the run ends, or the context does.
  std::optional<std::uint64_t> tail_lines = std::nullopt;
};

std::filesystem::path log_directory(const NodePaths& paths, const std::string& uid,
                                    const std::string& container);

// `on_bytes` ends it by returning false. kNotFound: there is no such run.
Result<void> read_log(const Context& context, Clock& clock, const NodePaths& paths,
                      const LogRequest& request,
                      const std::function<bool(std::string_view bytes)>& on_bytes);

}  // namespace rage::node
