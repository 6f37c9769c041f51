#include "cli/local_services.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/files.h"
#include "base/strings.h"

namespace rage::cli {
namespace {

using codec::Json;
using std::chrono::milliseconds;

constexpr std::uint64_t kStateBytesMax = 1 << 20;
constexpr milliseconds kPollInterval{50};
constexpr std::size_t kLogTailBytes = 2000;

// The kernel's start time of a process; 0 if it does not run (a zombie does not).
std::uint64_t started_ticks(int pid) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat) return 0;
  const std::size_t end_of_name = stat->rfind(')');
  if (end_of_name == std::string::npos) return 0;
  const auto fields = split(trim(std::string_view(*stat).substr(end_of_name + 1)), ' ');
  constexpr std::size_t kState = 0;
  constexpr std::size_t kStartTime = 19;  // Field 22 of the line; the name was field 2.
  if (fields.size() <= kStartTime || fields[kState] == "Z") return 0;
  return parse_uint(fields[kStartTime]).value_or(0);
}

bool runs(const ServiceState& service) {
  return service.pid > 0 && service.started_ticks != 0 &&
         started_ticks(service.pid) == service.started_ticks;
}

// In the grandchild: nothing but async-signal-safe calls until exec.
[[noreturn]] void exec_service(int log_fd, int error_fd, char* const* argv) {
  ::setsid();
  const int null_fd = ::open("/dev/null", O_RDONLY);
  ::dup2(null_fd, STDIN_FILENO);
  ::dup2(log_fd, STDOUT_FILENO);
  ::dup2(log_fd, STDERR_FILENO);
  for (int fd = 3; fd < 1024; ++fd) {
    if (fd != error_fd) ::close(fd);
  }
  ::execv(argv[0], argv);
  const int error = errno;
  (void)!::write(error_fd, &error, sizeof(error));
  ::_exit(127);
}

// Twice forked, so that the service belongs to init and leaves no zombie with us. The first child
// reports the service's id through one pipe, a failed exec comes through another.
Result<int> spawn_detached(const std::vector<std::string>& arguments,
                           const std::filesystem::path& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int log_fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0)
    return fail(ErrorCode::kUnavailable, "cannot open {}: {}", log.string(), std::strerror(errno));
  int pid_pipe[2];
  int error_pipe[2];
  if (::pipe2(pid_pipe, O_CLOEXEC) != 0 || ::pipe2(error_pipe, O_CLOEXEC) != 0) {
    ::close(log_fd);
    return fail(ErrorCode::kResourceExhausted, "no pipe: {}", std::strerror(errno));
  }
  const pid_t first = ::fork();
  if (first == 0) {
    const pid_t second = ::fork();
    if (second == 0) exec_service(log_fd, error_pipe[1], argv.data());
    (void)!::write(pid_pipe[1], &second, sizeof(second));
    ::_exit(0);
  }
  ::close(log_fd);
  ::close(pid_pipe[1]);
  ::close(error_pipe[1]);
  pid_t service = -1;
  int error = 0;
  if (first > 0) {
    if (::read(pid_pipe[0], &service, sizeof(service)) != sizeof(service)) service = -1;
    ::waitpid(first, nullptr, 0);
    if (::read(error_pipe[0], &error, sizeof(error)) != sizeof(error))
      error = 0;  // Closed by exec.
  }
  ::close(pid_pipe[0]);
  ::close(error_pipe[0]);
  if (service <= 0) return fail(ErrorCode::kResourceExhausted, "cannot start a process");
  if (error != 0)
    return fail(ErrorCode::kNotFound, "cannot run {}: {}", arguments[0], std::strerror(error));
  return service;
}

std::string tail_of(const std::filesystem::path& log) {
  const auto content = read_file(log, std::uint64_t{64} << 20);
  if (!content) return {};
  return content->size() <= kLogTailBytes ? *content
                                          : content->substr(content->size() - kLogTailBytes);
}

bool is_ready(net::HttpTransport& transport, const ServiceState& service) {
  const auto reply = transport.fetch(Context::with_timeout(milliseconds(2000)),
                                     {.method = "GET", .url = service.url + service.health_path});
  return reply && reply->status == 200;
}

void signal_service(const ServiceState& service, int signal) {
  // The service leads a process group of its own; what it started goes with it.
  if (runs(service)) ::kill(-service.pid, signal);
}

}  // namespace

Result<void> check_port_free(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(ErrorCode::kResourceExhausted, "no socket: {}", std::strerror(errno));
  const int reuse = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ::close(fd);
  if (bound == 0) return {};
  return fail(
      ErrorCode::kFailedPrecondition,
      "port {} on 127.0.0.1 is taken by another program; choose other ports with --port-base N",
      port);
}

Result<std::vector<ServiceState>> LocalServices::load() const {
  const auto content = read_file(state_path(), kStateBytesMax);
  std::vector<ServiceState> services;
  if (!content && content.error().code == ErrorCode::kNotFound) return services;
  if (!content) return fail(content.error());
  ASSIGN_OR_RETURN(const Json state, codec::parse_json(*content));
  const Json* list = codec::find_key(state, "services");
  if (list == nullptr || !list->is_array()) {
    return fail(ErrorCode::kDataLoss, "{} is damaged; remove it if no service runs",
                state_path().string());
  }
  for (const Json& entry : *list) {
    ServiceState service{
        .name = codec::string_or(entry, "name", ""),
        .url = codec::string_or(entry, "url", ""),
        .health_path = codec::string_or(entry, "health_path", "/health"),
        .pid = static_cast<int>(codec::number_or(entry, "pid", 0)),
        .started_ticks = static_cast<std::uint64_t>(codec::number_or(entry, "started_ticks", 0))};
    if (runs(service)) services.push_back(std::move(service));
  }
  return services;
}

Result<void> LocalServices::save(const std::vector<ServiceState>& services) const {
  Json list = Json::array();
  for (const ServiceState& service : services) {
    list.push_back({{"name", service.name},
                    {"url", service.url},
                    {"health_path", service.health_path},
                    {"pid", service.pid},
                    {"started_ticks", service.started_ticks}});
  }
  RETURN_IF_ERROR(ensure_directory(state_path().parent_path()));
  return write_file_atomically(state_path(), codec::render_json_pretty({{"services", list}}));
}

Result<std::vector<ServiceStatus>> LocalServices::status(net::HttpTransport& transport) const {
  ASSIGN_OR_RETURN(const auto services, load());
  std::vector<ServiceStatus> all;
  for (const ServiceState& service : services) {
    all.push_back({.state = service, .running = true, .ready = is_ready(transport, service)});
  }
  return all;
}

Result<void> LocalServices::start(const std::vector<ServiceSpec>& specs) const {
  RETURN_IF_ERROR(ensure_directory(data_ / "logs"));
  RETURN_IF_ERROR(ensure_directory(data_ / "run"));
  ASSIGN_OR_RETURN(const auto lock, FileLock::acquire(data_ / "run" / "lock"));
  for (const ServiceSpec& spec : specs) RETURN_IF_ERROR(check_port_free(spec.port));
  ASSIGN_OR_RETURN(std::vector<ServiceState> services, load());
  for (const ServiceSpec& spec : specs) {
    const auto pid = spawn_detached(spec.argv, log_path(spec.name));
    if (!pid) {
      (void)stop_locked(milliseconds(5000));
      return fail(Error(pid.error()).with_context("starting " + spec.name));
    }
    services.push_back({.name = spec.name,
                        .url = fmt::format("http://127.0.0.1:{}", spec.port),
                        .health_path = spec.health_path,
                        .pid = *pid,
                        .started_ticks = started_ticks(*pid)});
    RETURN_IF_ERROR(save(services));
  }
  return {};
}

Result<void> LocalServices::wait_ready(const Context& context, net::HttpTransport& transport,
                                       milliseconds limit) const {
  const auto state = read_file(state_path(), kStateBytesMax);
  if (!state) return fail(state.error());
  ASSIGN_OR_RETURN(const Json recorded, codec::parse_json(*state));
  const auto deadline = clock_.now() + limit;
  while (true) {
    RETURN_IF_ERROR(context.check());
    ASSIGN_OR_RETURN(const auto services, status(transport));
    for (const Json& entry : recorded.value("services", Json::array())) {
      const std::string name = codec::string_or(entry, "name", "");
      const bool found =
          std::ranges::any_of(services, [&](const auto& s) { return s.state.name == name; });
      if (found) continue;
      return fail(ErrorCode::kUnavailable,
                  "the service '{}' ended while starting. The end of {}:\n{}", name,
                  log_path(name).string(), tail_of(log_path(name)));
    }
    const auto waiting = std::ranges::find(services, false, &ServiceStatus::ready);
    if (waiting == services.end()) return {};
    if (clock_.now() > deadline) {
      return fail(ErrorCode::kDeadlineExceeded, "the service '{}' is not ready after {} s; see {}",
                  waiting->state.name, limit.count() / 1000,
                  log_path(waiting->state.name).string());
    }
    clock_.sleep_for(kPollInterval, context.stop);
  }
}

Result<int> LocalServices::stop(milliseconds grace) const {
  RETURN_IF_ERROR(ensure_directory(data_ / "run"));
  ASSIGN_OR_RETURN(const auto lock, FileLock::acquire(data_ / "run" / "lock"));
  return stop_locked(grace);
}

Result<int> LocalServices::stop_locked(milliseconds grace) const {
  ASSIGN_OR_RETURN(const auto services, load());
  for (const ServiceState& service : services) signal_service(service, SIGTERM);
  const auto deadline = clock_.now() + grace;
  const auto any_runs = [&] { return std::ranges::any_of(services, runs); };
  while (any_runs() && clock_.now() < deadline) {
    clock_.sleep_for(kPollInterval, {});
  }
  for (const ServiceState& service : services) signal_service(service, SIGKILL);
  while (any_runs()) clock_.sleep_for(kPollInterval, {});
  std::error_code ignored;
  std::filesystem::remove(state_path(), ignored);
  return static_cast<int>(services.size());
}

Json render_status(const std::vector<ServiceStatus>& services) {
  Json list = Json::array();
  for (const ServiceStatus& service : services) {
    list.push_back({{"name", service.state.name},
                    {"url", service.state.url},
                    {"ready", service.ready},
                    {"pid", service.state.pid}});
  }
  return {{"services", list}};
}

}  // namespace rage::cli
