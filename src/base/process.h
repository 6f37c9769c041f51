// A child process with an owner: started without leaking descriptors, in a process group of its
// own, killed when its parent dies, always reaped.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"

namespace rage {

struct ProcessOptions {
  // The program and its arguments. A program without '/' is looked for in PATH.
  std::vector<std::string> argv;
  // Added to our own environment, or replacing what is there.
  std::vector<std::pair<std::string, std::string>> environment = {};
  enum class Inherit { kEverything, kNothing };
  Inherit inherit = Inherit::kEverything;        // kNothing: `environment` is all there is.
  std::filesystem::path working_directory = {};  // Empty: ours.
  // Where the input comes from and the output goes; borrowed until spawn() returns.
  std::optional<int> stdin_fd = std::nullopt;  // None: /dev/null.
  std::optional<int> stdout_fd = std::nullopt;
  std::optional<int> stderr_fd = std::nullopt;
  // Appended to by whichever of the two has no descriptor. Empty: they go where ours go.
  std::filesystem::path log_file = {};
  // No file it writes may grow larger (RLIMIT_FSIZE); a signal ends it if it tries.
  std::optional<std::uint64_t> file_bytes_max = std::nullopt;
  // RLIMIT_AS and RLIMIT_CPU: an allocation beyond the first fails, a signal ends it at the second.
  std::optional<std::uint64_t> memory_bytes_max = std::nullopt;
  std::optional<std::uint64_t> cpu_seconds_max = std::nullopt;
  // kNone: a network namespace without anything in it, where the kernel lets us have one.
  enum class Network { kShared, kNone };
  Network network = Network::kShared;
};

// Value.
struct ExitStatus {
  int code = 0;  // 128 + signal if a signal ended it, as in a shell.
  std::optional<int> signal = std::nullopt;
  bool operator==(const ExitStatus&) const = default;
};

// "exit code 3", "killed by signal 9 (Killed)"
std::string describe(const ExitStatus& status);

// Resource. Thread-safe. Signals are as in a fresh shell. When the program ends, whatever it left
// running in its process group is killed.
//
// Linux sends a child's "parent died" signal when the *thread* that forked it ends, so every child
// has a thread of ours that forks it and lives exactly as long as it does; spawn() may therefore be
// called from any thread.
class ChildProcess final {
 public:
  // kNotFound with the path if the program or the working directory is not there;
  // kPermissionDenied if it may not be run.
  static Result<std::unique_ptr<ChildProcess>> spawn(const ProcessOptions& options);
  ~ChildProcess();  // Kills at once what still runs; terminate() first to be polite.
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool running() const;
  // None if it still runs at `deadline`. No deadline: waits for the end.
  std::optional<ExitStatus> wait(std::optional<SteadyTime> deadline = std::nullopt) const;
  // SIGTERM to the process group, SIGKILL after `grace`; returns once the process is reaped.
  ExitStatus terminate(std::chrono::milliseconds grace);

 private:
  struct Launch;
  ChildProcess() = default;
  void keep(Launch& launch);
  void signal_group(int signal);

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::optional<ExitStatus> status_ GUARDED_BY(mutex_);
  pid_t pid_ = -1;       // Written before spawn() returns, constant afterwards.
  std::jthread keeper_;  // Last: it uses everything above.
};

}  // namespace rage
