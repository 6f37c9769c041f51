#include "base/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>
#include <span>

#include "base/detail/fd.h"
#include "base/strings.h"

extern char** environ;

namespace rage {
namespace {

using detail::Fd;

constexpr char kDefaultPath[] = "/usr/local/bin:/usr/bin:/bin";

// What the child reports through the pipe when it could not become the program.
struct LaunchFailure {
  enum class Step : int { kWorkingDirectory, kExecute };
  Step step;
  int error;
};

bool is_executable(const std::string& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

// execvp's search, done before the fork: it is not safe to do between fork and exec.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  const std::string_view folders = path != nullptr ? path : kDefaultPath;
  for (const std::string_view folder : split(folders, ':')) {
    std::string candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
    if (is_executable(candidate)) return candidate;
  }
  return {};
}

std::vector<std::string> merged_environment(const ProcessOptions& options) {
  const std::span<const std::pair<std::string, std::string>> additions = options.environment;
  const bool inherits = options.inherit == ProcessOptions::Inherit::kEverything;
  std::vector<std::string> merged;
  for (char** entry = inherits ? environ : nullptr; entry != nullptr && *entry != nullptr;
       ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    bool replaced = false;
    for (const auto& [added, value] : additions) replaced = replaced || added == name;
    if (!replaced) merged.emplace_back(text);
  }
  for (const auto& [name, value] : additions) merged.push_back(fmt::format("{}={}", name, value));
  return merged;
}

// The strings must outlive the result.
std::vector<char*> c_strings(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

ErrorCode start_error_code(int error) {
  if (error == ENOENT || error == ENOTDIR) return ErrorCode::kNotFound;
  if (error == EACCES || error == EPERM || error == ENOEXEC) return ErrorCode::kPermissionDenied;
  if (error == EAGAIN || error == ENOMEM) return ErrorCode::kResourceExhausted;
  return ErrorCode::kUnavailable;
}

// Descriptors 0 to 2 may themselves be sources of each other, so the sources are moved above them.
bool move_above_standard(int& fd) {
  if (fd < 0 || fd > 2) return true;
  fd = ::fcntl(fd, F_DUPFD, 3);
  return fd >= 0;
}

void close_on_exec_from(int first) {
  if (::close_range(static_cast<unsigned>(first), ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  const long most = ::sysconf(_SC_OPEN_MAX);  // An old kernel.
  for (int fd = first; fd < (most > 0 ? most : 1024); ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

ExitStatus status_of(int raw) {
  if (WIFSIGNALED(raw)) return {.code = 128 + WTERMSIG(raw), .signal = WTERMSIG(raw)};
  return {.code = WEXITSTATUS(raw)};
}

}  // namespace

// Everything the child needs, made before the fork: after it, only system calls are safe.
struct ChildProcess::Launch {
  std::string program;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::string working_directory;
  int input = -1;
  int output = -1;  // -1: inherited.
  int error = -1;
  int report = -1;
  std::optional<rlim_t> file_bytes_max;
  std::optional<rlim_t> memory_bytes_max;
  std::optional<rlim_t> cpu_seconds_max;
  bool without_network = false;
  pid_t parent = 0;
  std::promise<int> started;  // The errno of fork, 0 if it worked.

  [[noreturn]] void become_program();
  void limit(__rlimit_resource resource, std::optional<rlim_t> most) const;
  [[noreturn]] void give_up(LaunchFailure::Step step) const;
};

void ChildProcess::Launch::give_up(LaunchFailure::Step step) const {
  const LaunchFailure failure{.step = step, .error = errno};
  (void)!::write(report, &failure, sizeof(failure));
  ::_exit(127);
}

void ChildProcess::Launch::limit(__rlimit_resource resource, std::optional<rlim_t> most) const {
  if (!most) return;
  const rlimit value{.rlim_cur = *most, .rlim_max = *most};
  if (::setrlimit(resource, &value) != 0) give_up(LaunchFailure::Step::kExecute);
}

void ChildProcess::Launch::become_program() {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // It died before the line above.
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  limit(RLIMIT_FSIZE, file_bytes_max);
  limit(RLIMIT_CPU, cpu_seconds_max);
  // Without privileges only together with a user namespace, and not everywhere.
  if (without_network && ::unshare(CLONE_NEWNET) != 0)
    (void)::unshare(CLONE_NEWUSER | CLONE_NEWNET);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool moved = move_above_standard(input) && move_above_standard(output) &&
                     move_above_standard(error) && move_above_standard(report);
  if (!moved || ::dup2(input, 0) < 0 || (output >= 0 && ::dup2(output, 1) < 0) ||
      (error >= 0 && ::dup2(error, 2) < 0)) {
    give_up(LaunchFailure::Step::kExecute);
  }
  close_on_exec_from(3);
  if (!working_directory.empty() && ::chdir(working_directory.c_str()) != 0) {
    give_up(LaunchFailure::Step::kWorkingDirectory);
  }
  limit(RLIMIT_AS, memory_bytes_max);  // Last: what comes before has our own memory.
  ::execve(program.c_str(), argv.data(), envp.data());
  give_up(LaunchFailure::Step::kExecute);
}

std::string describe(const ExitStatus& status) {
  if (!status.signal) return fmt::format("exit code {}", status.code);
  return fmt::format("killed by signal {} ({})", *status.signal, ::strsignal(*status.signal));
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::spawn(const ProcessOptions& options) {
  if (options.argv.empty() || options.argv[0].empty()) {
    return fail(ErrorCode::kInvalidArgument, "no program given");
  }
  Launch launch;
  launch.program = find_program(options.argv[0]);
  if (launch.program.empty()) {
    return fail(ErrorCode::kNotFound, "program not found in PATH: {}", options.argv[0]);
  }
  launch.arguments = options.argv;
  launch.environment = merged_environment(options);
  launch.argv = c_strings(launch.arguments);
  launch.envp = c_strings(launch.environment);
  launch.working_directory = options.working_directory.string();
  launch.parent = ::getpid();

  const Fd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  Fd log;
  if (!options.log_file.empty()) {
    log.reset(::open(options.log_file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (log.get() < 0) {
      return fail(start_error_code(errno), "cannot open the log file {}: {}",
                  options.log_file.string(), std::strerror(errno));
    }
  }
  launch.input = options.stdin_fd.value_or(input.get());
  launch.file_bytes_max = options.file_bytes_max;
  launch.memory_bytes_max = options.memory_bytes_max;
  launch.cpu_seconds_max = options.cpu_seconds_max;
  launch.without_network = options.network == ProcessOptions::Network::kNone;
  launch.output = options.stdout_fd.value_or(log.get());
  launch.error = options.stderr_fd.value_or(log.get());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return fail(ErrorCode::kResourceExhausted, "no pipe: {}", std::strerror(errno));
  }
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  launch.report = writing.get();

  std::unique_ptr<ChildProcess> child(new ChildProcess);
  std::future<int> started = launch.started.get_future();
  child->keeper_ = std::jthread([&launch, raw = child.get()] { raw->keep(launch); });
  if (const int error = started.get(); error != 0) {
    return fail(start_error_code(error), "cannot start {}: {}", launch.program,
                std::strerror(error));
  }
  writing.reset();
  LaunchFailure failure{};
  ssize_t got = 0;
  do got = ::read(reading.get(), &failure, sizeof(failure));
  while (got < 0 && errno == EINTR);
  if (got != sizeof(failure)) return child;  // The pipe closed without a word: exec worked.
  if (failure.step == LaunchFailure::Step::kWorkingDirectory) {
    return fail(start_error_code(failure.error), "cannot enter {}: {}", launch.working_directory,
                std::strerror(failure.error));
  }
  return fail(start_error_code(failure.error), "cannot run {}: {}", launch.program,
              std::strerror(failure.error));
}

void ChildProcess::keep(Launch& launch) {
  // Signals meant for the process must reach the threads that wait for them, never this one.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) launch.become_program();
  if (pid < 0) {
    const int error = errno;
    MutexLock lock(mutex_);
    status_ = ExitStatus{.code = 127};
    launch.started.set_value(error);
    return;
  }
  ::setpgid(pid, pid);  // Also here, so that it holds whichever of the two runs first.
  pid_ = pid;
  launch.started.set_value(0);  // `launch` may be gone from here on.

  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  MutexLock lock(mutex_);
  ::kill(-pid, SIGKILL);  // Still a zombie, so the group's number cannot belong to anybody else.
  int raw = 0;
  while (::waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  status_ = status_of(raw);
  changed_.notify_all();
}

ChildProcess::~ChildProcess() {
  signal_group(SIGKILL);
}  // The keeper reaps, then joins.

bool ChildProcess::running() const {
  MutexLock lock(mutex_);
  return !status_;
}

std::optional<ExitStatus> ChildProcess::wait(std::optional<SteadyTime> deadline) const {
  MutexLock lock(mutex_);
  while (!status_) {
    if (!deadline) {
      changed_.wait(mutex_);
    } else if (changed_.wait_until(mutex_, *deadline) == std::cv_status::timeout) {
      break;
    }
  }
  return status_;
}

ExitStatus ChildProcess::terminate(std::chrono::milliseconds grace) {
  signal_group(SIGTERM);
  if (const auto status = wait(std::chrono::steady_clock::now() + grace)) return *status;
  signal_group(SIGKILL);
  return *wait();
}

// Under the lock that reaping takes too: the number is ours as long as there is no status.
void ChildProcess::signal_group(int signal) {
  MutexLock lock(mutex_);
  if (!status_ && pid_ > 0) ::kill(-pid_, signal);
}

}  // namespace rage
