#include "net/scrape_client.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <queue>
#include <random>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "net/detail/scrape_connection.h"
#include "net/detail/scrape_timing.h"

namespace rage::net {
namespace {

using detail::ScrapeConnection;
using std::chrono::nanoseconds;
using Progress = ScrapeConnection::Progress;

constexpr std::size_t kReadBytes = 256 << 10;
constexpr auto kSweep = std::chrono::milliseconds(50);  // Time-outs are late by this at most.

nanoseconds of(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

class Loop final : public ScrapeLoop {
 public:
  explicit Loop(const ScrapeOptions& options) : options_(options), buffer_(kReadBytes) {}

  ~Loop() override {
    stopping_.store(true);
    if (wake_fd_ >= 0) wake();
    if (thread_.joinable()) thread_.join();
    if (wake_fd_ >= 0) ::close(wake_fd_);
    if (epoll_fd_ >= 0) ::close(epoll_fd_);
  }

  Result<void> open() {
    epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    if (epoll_fd_ < 0 || wake_fd_ < 0 ||
        ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) {
      return fail(ErrorCode::kInternal, "epoll: {}", std::strerror(errno));
    }
    thread_ = std::jthread([this] { run(); });
    return {};
  }

  Result<ScrapeId> add(ScrapeTarget target, std::unique_ptr<ScrapeSink> sink) override {
    const ScrapeId id = next_id_.fetch_add(1);
    ASSIGN_OR_RETURN(auto connection,
                     ScrapeConnection::create(id, std::move(target), options_, std::move(sink)));
    {
      MutexLock lock(mutex_);
      if (targets_ >= options_.targets_max) {
        return fail(ErrorCode::kResourceExhausted, "at most {} targets", options_.targets_max);
      }
      ++targets_;
      commands_.push_back({.id = id, .added = std::move(connection)});
    }
    wake();
    return id;
  }

  void remove(ScrapeId id) override {
    {
      MutexLock lock(mutex_);
      commands_.push_back({.id = id});
    }
    wake();
  }

  ScrapeStatistics statistics() const override {
    return {.scrapes = scrapes_.load(std::memory_order_relaxed),
            .failures = failures_.load(std::memory_order_relaxed),
            .connects = connects_.load(std::memory_order_relaxed),
            .body_bytes = body_bytes_.load(std::memory_order_relaxed)};
  }

  nanoseconds cpu_time() const override {
    clockid_t clock{};
    timespec time{};
    // native_handle() of a thread that has not been joined: it runs as long as this object lives.
    if (::pthread_getcpuclockid(const_cast<std::jthread&>(thread_).native_handle(), &clock) != 0 ||
        ::clock_gettime(clock, &time) != 0) {
      return nanoseconds(0);
    }
    return of(time);
  }

 private:
  struct Command {
    ScrapeId id = 0;
    std::unique_ptr<ScrapeConnection> added = nullptr;  // Null: remove.
  };
  struct Entry {
    std::unique_ptr<ScrapeConnection> connection;
    SteadyTime due;
    std::uint32_t failures = 0;
  };
  // Every target that is not being scraped is in the queue once.
  using Due = std::pair<SteadyTime, ScrapeId>;

  static SteadyTime now() { return std::chrono::steady_clock::now(); }

  void wake() const {
    const std::uint64_t one = 1;
    (void)!::write(wake_fd_, &one, sizeof one);
  }

  void run() {
    std::array<epoll_event, 512> events;
    while (!stopping_.load()) {
      take_commands();
      start_due(now());
      expire_late(now());
      // The kernel never holds events of a connection that is gone: commands come before the wait.
      const int count =
          ::epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), wait_ms(now()));
      for (int i = 0; i < count; ++i) on_event(events[static_cast<std::size_t>(i)]);
      if (active_ > 0 && count < static_cast<int>(events.size())) pause();
    }
    entries_.clear();
  }

  // Lets replies gather; cut short by a command.
  void pause() const {
    const timespec tick{.tv_sec = options_.tick.count() / 1'000'000,
                        .tv_nsec = options_.tick.count() % 1'000'000 * 1000};
    pollfd woken{.fd = wake_fd_, .events = POLLIN, .revents = 0};
    (void)::ppoll(&woken, 1, &tick, nullptr);
  }

  int wait_ms(SteadyTime time) const {
    if (active_ > 0) return 0;
    if (due_.empty()) return -1;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due_.top().first - time);
    return static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 60'000));
  }

  void take_commands() {
    std::vector<Command> commands;
    {
      MutexLock lock(mutex_);
      commands.swap(commands_);
    }
    for (Command& command : commands) {
      if (!command.added) {
        drop(command.id);
        continue;
      }
      const auto interval = command.added->target().interval;
      Entry entry{.connection = std::move(command.added),
                  .due = detail::first_due(epoch_, now(), interval, command.id)};
      due_.emplace(entry.due, command.id);
      entries_.emplace(command.id, std::move(entry));
    }
  }

  void drop(ScrapeId id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    if (found->second.connection->active()) --active_;
    entries_.erase(found);
    MutexLock lock(mutex_);
    --targets_;
  }

  void start_due(SteadyTime time) {
    while (!due_.empty() && due_.top().first <= time) {
      const ScrapeId id = due_.top().second;
      due_.pop();
      const auto found = entries_.find(id);
      if (found == entries_.end()) continue;  // Removed.
      ++active_;
      const Progress progress = found->second.connection->start(epoll_fd_, time + options_.timeout);
      if (progress == Progress::kEnded) on_ended(found->second);
    }
  }

  void expire_late(SteadyTime time) {
    if (active_ == 0 || time < next_sweep_) return;
    next_sweep_ = time + kSweep;
    for (auto& [id, entry] : entries_) {
      if (!entry.connection->active() || time < entry.connection->deadline()) continue;
      if (entry.connection->expire() == Progress::kEnded) on_ended(entry);
    }
  }

  void on_event(const epoll_event& event) {
    if (event.data.ptr == nullptr) {
      std::uint64_t count = 0;
      (void)!::read(wake_fd_, &count, sizeof count);
      return;
    }
    auto& connection = *static_cast<ScrapeConnection*>(event.data.ptr);
    const Progress progress = connection.on_ready(event.events, buffer_);
    if (progress == Progress::kEnded) on_ended(entries_.at(connection.id()));
  }

  void on_ended(Entry& entry) {
    --active_;
    ScrapeConnection& connection = *entry.connection;
    scrapes_.fetch_add(1, std::memory_order_relaxed);
    connects_.fetch_add(connection.take_connects(), std::memory_order_relaxed);
    body_bytes_.fetch_add(connection.take_body_bytes(), std::memory_order_relaxed);
    const nanoseconds interval = connection.target().interval;
    if (connection.outcome()) {
      entry.failures = 0;
      entry.due = detail::next_due(entry.due, now(), interval);
    } else {
      failures_.fetch_add(1, std::memory_order_relaxed);
      ++entry.failures;
      const double random = std::uniform_real_distribution<double>(0, 1)(random_);
      entry.due =
          now() + detail::backoff_delay(interval, entry.failures, options_.backoff_max, random);
    }
    due_.emplace(entry.due, connection.id());
  }

  const ScrapeOptions options_;
  std::atomic<bool> stopping_ = false;
  std::atomic<ScrapeId> next_id_ = 1;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  std::atomic<std::uint64_t> scrapes_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> connects_ = 0;
  std::atomic<std::uint64_t> body_bytes_ = 0;
  Mutex mutex_;
  std::vector<Command> commands_ GUARDED_BY(mutex_);
  std::size_t targets_ GUARDED_BY(mutex_) = 0;

  // The loop's thread alone.
  const SteadyTime epoch_ = now();
  SteadyTime next_sweep_ = epoch_;
  std::vector<char> buffer_;
  std::unordered_map<ScrapeId, Entry> entries_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::size_t active_ = 0;
  std::minstd_rand random_{std::random_device{}()};

  std::jthread thread_;  // Last: it uses everything above.
};

Result<void> validate(const ScrapeOptions& options) {
  if (options.timeout.count() <= 0 || options.tick.count() <= 0 || options.head_bytes_max == 0) {
    return fail(ErrorCode::kInvalidArgument, "limits of scraping must be positive");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ScrapeLoop>> ScrapeLoop::create(const ScrapeOptions& options) {
  RETURN_IF_ERROR(validate(options));
  auto loop = std::make_unique<Loop>(options);
  RETURN_IF_ERROR(loop->open());
  return loop;
}

}  // namespace rage::net
