// SIGINT and SIGTERM as something to wait for.
#pragma once

#include <signal.h>

#include <chrono>
#include <ctime>

namespace rage::app {

// Resource. Create it before any thread starts: threads inherit the blocked signals.
class ShutdownSignal final {
 public:
  ShutdownSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  // Blocks until one arrives; which one.
  int wait() const {
    int signal = 0;
    sigwait(&signals_, &signal);
    return signal;
  }

  // True if one arrived within `limit`.
  bool wait_for(std::chrono::milliseconds limit) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
    const std::chrono::nanoseconds rest = limit - seconds;
    const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = rest.count()};
    return sigtimedwait(&signals_, nullptr, &timeout) > 0;
  }

 private:
  sigset_t signals_;
};

}  // namespace rage::app
