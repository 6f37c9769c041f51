#include "node/container_process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace rage::node {
namespace {

// The end of the output wakes us at once; this is for programs that pass it on to others.
constexpr int kLookMilliseconds = 250;
constexpr std::size_t kOutputPieceBytes = 64 << 10;

// False at the end of the output, or when nothing is there.
bool copy_piece(int reading, LogWriter& log, char* buffer) {
  const ssize_t got = ::read(reading, buffer, kOutputPieceBytes);
  if (got <= 0) return got < 0 && errno == EINTR;
  log.write({buffer, static_cast<std::size_t>(got)});
  return true;
}

}  // namespace

Result<std::unique_ptr<ContainerProcess>> ContainerProcess::start(const ProcessPlan& plan,
                                                                  LogWriter log,
                                                                  std::function<void()> on_end) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return fail(ErrorCode::kResourceExhausted, "no pipe: {}", std::strerror(errno));
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  auto child = ChildProcess::spawn({.argv = plan.argv,
                                    .environment = plan.environment,
                                    .inherit = ProcessOptions::Inherit::kNothing,
                                    .working_directory = plan.working_directory,
                                    .stdout_fd = ends[1],
                                    .stderr_fd = ends[1]});
  ::close(ends[1]);
  if (!child) {
    ::close(ends[0]);
    return fail(std::move(child).error());
  }
  std::unique_ptr<ContainerProcess> made(new ContainerProcess());
  made->child_ = *std::move(child);
  auto shared_log =
      std::make_shared<LogWriter>(std::move(log));  // Threads copy what they are given.
  made->copier_ = std::jthread(
      [raw = made.get(), reading = ends[0], shared_log, on_end = std::move(on_end)]() mutable {
        raw->copy_output(reading, std::move(*shared_log), on_end);
      });
  return made;
}

ContainerProcess::~ContainerProcess() {
  if (child_) child_->terminate(std::chrono::milliseconds(0));
}

std::optional<ExitStatus> ContainerProcess::exit_status() const {
  return status_.with([](const auto& status) { return status; });
}

void ContainerProcess::terminate(std::chrono::milliseconds grace) {
  child_->terminate(grace);
}

void ContainerProcess::copy_output(int reading, LogWriter log,
                                   const std::function<void()>& on_end) {
  const auto buffer = std::make_unique<char[]>(kOutputPieceBytes);
  pollfd waiting{.fd = reading, .events = POLLIN, .revents = 0};
  while (child_->running()) {
    ::poll(&waiting, 1, kLookMilliseconds);
    const bool copied = copy_piece(reading, log, buffer.get());
    // Closed, but it runs on: there is nothing to be woken by.
    if (!copied && (waiting.revents & POLLHUP) != 0) {
      (void)child_->wait(std::chrono::steady_clock::now() +
                         std::chrono::milliseconds(kLookMilliseconds));
    }
  }
  while (copy_piece(reading, log, buffer.get())) {
  }
  ::close(reading);
  {
    const LogWriter ended = std::move(log);
  }
  const ExitStatus status = *child_->wait();
  status_.with([&](auto& kept) { kept = status; });
  on_end();
}

}  // namespace rage::node
