// One thread's event loop over epoll. Edge-triggered, so that a connection that waits costs neither
// a system call nor a buffer: bytes are read into one scratch area that all its connections share.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"

namespace rage::net {

// Of one descriptor at a stretch; then it is somebody else's turn.
inline constexpr int kReadsMax = 16;

// What happened to a descriptor since the last time.
struct Readiness {
  bool readable = false;
  bool writable = false;
  bool peer_closed = false;  // Its sending side, or the whole connection.
};

// Resource. One thread. Destroyed through EventLoop::destroy_later() once it was watched.
class IoHandler {
 public:
  IoHandler() = default;
  virtual ~IoHandler() = default;
  IoHandler(const IoHandler&) = delete;
  IoHandler& operator=(const IoHandler&) = delete;
  virtual void on_ready(Readiness readiness) = 0;
  // After flush_later(): once everything that came in at the same moment has been handled.
  virtual void on_flush() {}

 private:
  friend class EventLoop;
  bool flush_queued_ = false;
};

class EventLoop;

// Resource. The loop's thread only. Moving the deadline away costs nothing, which is what nearly
// always happens to time-outs.
class Timer final {
 public:
  Timer(EventLoop& loop, std::function<void()> expired)
      : loop_(loop), expired_(std::move(expired)) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void expire_at(SteadyTime deadline);
  void expire_after(std::chrono::milliseconds delay);
  void cancel() { deadline_ = SteadyTime::max(); }
  bool armed() const { return deadline_ != SteadyTime::max(); }

 private:
  friend class EventLoop;
  EventLoop& loop_;
  const std::function<void()> expired_;
  SteadyTime deadline_ = SteadyTime::max();
  SteadyTime queued_at_ = SteadyTime::max();  // At or before the deadline; max: not queued.
};

// Resource. run() and everything else happens on one thread, but for stop(), post() and
// run_and_wait().
class EventLoop final {
 public:
  static Result<std::unique_ptr<EventLoop>> create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void run();  // Until stop().
  void stop();
  // Tasks run in order, on the loop's thread. What is left when run() has ended is dropped.
  void post(std::function<void()> task);
  // The same, and waits for it: not on the loop's thread, and only while run() goes on.
  void run_and_wait(const std::function<void()>& task);

  // Tells `handler` of everything that happens to `fd`, from now on until unwatch(). To close it is
  // not enough: a child that has been forked and not yet begun its program holds it open, too.
  [[nodiscard]] bool watch(int fd, IoHandler& handler);
  void unwatch(int fd);
  void flush_later(IoHandler& handler);
  // Nobody is told anything by it any more once its descriptor is not watched.
  void destroy_later(std::unique_ptr<IoHandler> handler);
  // What flush_later() and destroy_later() left to do; for whoever works outside of run().
  void settle();

  SteadyTime now() const { return now_; }  // When this round began.
  std::span<char> scratch() { return scratch_; }

 private:
  explicit EventLoop(int epoll, int wake) : epoll_(epoll), wake_(wake) {}
  void run_tasks();
  void run_timers();
  int wait_ms() const;

  friend class Timer;
  const int epoll_;
  const int wake_;  // An eventfd.
  bool stopping_ = false;
  SteadyTime now_ = std::chrono::steady_clock::now();
  std::set<std::pair<SteadyTime, Timer*>> timers_;
  std::vector<IoHandler*> flushes_;
  std::vector<std::unique_ptr<IoHandler>> graveyard_;
  Guarded<std::vector<std::function<void()>>> tasks_;
  std::array<char, 64 << 10> scratch_;
};

}  // namespace rage::net
