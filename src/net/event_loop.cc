#include "net/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <latch>

#include "base/check.h"

namespace rage::net {
namespace {

constexpr std::size_t kEventsMax = 256;
constexpr std::chrono::milliseconds kWaitMax{60'000};

}  // namespace

Timer::~Timer() {
  if (queued_at_ != SteadyTime::max()) loop_.timers_.erase({queued_at_, this});
}

void Timer::expire_at(SteadyTime deadline) {
  deadline_ = deadline;
  if (deadline >= queued_at_) return;  // The queue looks again when it gets there.
  if (queued_at_ != SteadyTime::max()) loop_.timers_.erase({queued_at_, this});
  queued_at_ = deadline;
  loop_.timers_.emplace(deadline, this);
}

void Timer::expire_after(std::chrono::milliseconds delay) {
  expire_at(loop_.now() + delay);
}

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::unique_ptr<EventLoop> loop(new EventLoop(epoll, wake));
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll < 0 || wake < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) != 0) {
    return fail(ErrorCode::kResourceExhausted, "cannot make an event loop: {}",
                std::strerror(errno));
  }
  return loop;
}

EventLoop::~EventLoop() {
  settle();
  if (epoll_ >= 0) ::close(epoll_);
  if (wake_ >= 0) ::close(wake_);
}

void EventLoop::run() {
  std::array<epoll_event, kEventsMax> events;
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_, events.data(), kEventsMax, wait_ms());
    CHECK(count >= 0 || errno == EINTR);
    now_ = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      auto* handler = static_cast<IoHandler*>(events[static_cast<std::size_t>(i)].data.ptr);
      const std::uint32_t mask = events[static_cast<std::size_t>(i)].events;
      if (handler == nullptr) {
        run_tasks();
        continue;
      }
      handler->on_ready({.readable = (mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0,
                         .writable = (mask & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0,
                         .peer_closed = (mask & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0});
    }
    run_timers();
    settle();
  }
}

void EventLoop::stop() {
  post([this] { stopping_ = true; });
}

void EventLoop::post(std::function<void()> task) {
  const bool first = tasks_.with([&](auto& tasks) {
    tasks.push_back(std::move(task));
    return tasks.size() == 1;
  });
  if (!first) return;  // Somebody has woken the loop already.
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof(one));
}

void EventLoop::run_and_wait(const std::function<void()>& task) {
  std::latch done(1);
  post([&] {
    task();
    done.count_down();
  });
  done.wait();
}

bool EventLoop::watch(int fd, IoHandler& handler) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = &handler}};
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::unwatch(int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::flush_later(IoHandler& handler) {
  if (std::exchange(handler.flush_queued_, true)) return;
  flushes_.push_back(&handler);
}

void EventLoop::destroy_later(std::unique_ptr<IoHandler> handler) {
  graveyard_.push_back(std::move(handler));
}

void EventLoop::settle() {
  while (!flushes_.empty() || !graveyard_.empty()) {
    for (std::size_t i = 0; i < flushes_.size(); ++i) {
      IoHandler* const handler = flushes_[i];
      handler->flush_queued_ = false;
      handler->on_flush();
    }
    flushes_.clear();
    const auto dead = std::exchange(graveyard_, {});
    // What was queued by a destructor must not outlive its object.
    for (const auto& handler : dead) std::erase(flushes_, handler.get());
  }
}

void EventLoop::run_tasks() {
  std::uint64_t count = 0;
  (void)!::read(wake_, &count, sizeof(count));
  auto tasks = tasks_.with([](auto& waiting) { return std::exchange(waiting, {}); });
  for (auto& task : tasks) task();
}

void EventLoop::run_timers() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    Timer* const timer = timers_.begin()->second;
    timers_.erase(timers_.begin());
    timer->queued_at_ = SteadyTime::max();
    const SteadyTime deadline = timer->deadline_;
    if (deadline == SteadyTime::max()) continue;
    if (deadline > now_) {
      timer->expire_at(deadline);
      continue;
    }
    timer->deadline_ = SteadyTime::max();
    timer->expired_();  // May destroy the timer.
  }
}

int EventLoop::wait_ms() const {
  if (timers_.empty()) return static_cast<int>(kWaitMax.count());
  const auto left = timers_.begin()->first - std::chrono::steady_clock::now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left);
  return static_cast<int>(std::clamp(ms, std::chrono::milliseconds(0), kWaitMax).count());
}

}  // namespace rage::net
