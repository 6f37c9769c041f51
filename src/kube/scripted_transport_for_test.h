// An API server that plays a script, good and bad replies alike, and a clock that never waits.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "net/http_client.h"

namespace rage::kube {

// Resource. Thread-safe. Whoever sleeps wakes at once, that much later.
class SkippingClock final : public Clock {
 public:
  SteadyTime now() const override {
    return times_.with([](const Times& times) { return times.now; });
  }
  WallTime wall_now() const override { return WallTime(now().time_since_epoch()); }
  bool sleep_for(std::chrono::nanoseconds duration, std::stop_token stop) override {
    times_.with([&](Times& times) {
      times.now += std::chrono::duration_cast<SteadyTime::duration>(duration);
      times.sleeps.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(duration));
    });
    return !stop.stop_requested();
  }
  void advance(std::chrono::nanoseconds step) {
    times_.with(
        [&](Times& times) { times.now += std::chrono::duration_cast<SteadyTime::duration>(step); });
  }
  std::vector<std::chrono::milliseconds> sleeps() const {
    return times_.with([](const Times& times) { return times.sleeps; });
  }

 private:
  struct Times {
    SteadyTime now = SteadyTime(std::chrono::hours(1000));
    std::vector<std::chrono::milliseconds> sleeps = {};
  };
  Guarded<Times> times_;
};

struct ScriptedReply {
  int status = 200;
  net::Headers headers = {};
  std::vector<std::string> pieces = {};               // As the network delivers the body.
  std::optional<ErrorCode> ends_with = std::nullopt;  // After the pieces: the connection breaks.
  bool connects = true;                               // Otherwise nobody listens.
  // After the pieces nothing comes and nothing ends, until the caller gives up.
  bool hangs = false;
  std::function<void()> on_request = {};
};

// Resource. Thread-safe. Replies in the order of the script; at its end it waits for more, as a
// quiet watch does.
class ScriptedTransport final : public net::HttpTransport {
 public:
  void add(ScriptedReply reply) {
    MutexLock lock(mutex_);
    script_.push_back(std::move(reply));
    changed_.notify_all();
  }
  void add(int status, std::string body) { add({.status = status, .pieces = {std::move(body)}}); }

  // Waits for that many requests in all; the last of them may still be answered.
  std::vector<net::ClientRequest> wait_for_requests(std::size_t count) {
    MutexLock lock(mutex_);
    while (requests_.size() < count) changed_.wait(mutex_);
    return requests_;
  }
  std::vector<net::ClientRequest> requests() { return wait_for_requests(0); }

  Result<net::HttpResponse> fetch(const Context& context,
                                  const net::ClientRequest& request) override {
    net::HttpResponse response;
    const auto on_head = [&](const net::HttpResponse& head) {
      response = head;
      return true;
    };
    const auto on_bytes = [&](std::string_view bytes) {
      response.body += bytes;
      return true;
    };
    RETURN_IF_ERROR(stream(context, request, on_head, on_bytes));
    return response;
  }

  Result<void> stream(const Context& context, const net::ClientRequest& request,
                      const std::function<bool(const net::HttpResponse& head)>& on_head,
                      const std::function<bool(std::string_view bytes)>& on_bytes) override {
    const auto reply = next_reply(context, request);
    if (!reply) return fail(ErrorCode::kCancelled, "the request was cancelled");
    if (reply->on_request) reply->on_request();
    if (!reply->connects) return fail(ErrorCode::kUnavailable, "nobody listens");
    if (!on_head({.status = reply->status, .headers = reply->headers})) return {};
    for (const std::string& piece : reply->pieces) {
      if (!on_bytes(piece)) return {};
    }
    if (reply->hangs) return hang(context);
    if (reply->ends_with) return fail(*reply->ends_with, "the HTTP response was cut off");
    return {};
  }

 private:
  // None once the caller gives up.
  std::optional<ScriptedReply> next_reply(const Context& context,
                                          const net::ClientRequest& request) {
    const std::stop_callback waker(context.stop, [this] { wake(); });
    MutexLock lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
    while (script_.empty() && !context.stop.stop_requested()) changed_.wait(mutex_);
    if (script_.empty()) return std::nullopt;
    ScriptedReply reply = std::move(script_.front());
    script_.pop_front();
    return reply;
  }

  // A deadline passes at once: no test waits for a real clock.
  Result<void> hang(const Context& context) {
    if (context.deadline) return fail(ErrorCode::kDeadlineExceeded, "the request ran out of time");
    const std::stop_callback waker(context.stop, [this] { wake(); });
    MutexLock lock(mutex_);
    while (!context.stop.stop_requested()) changed_.wait(mutex_);
    return fail(ErrorCode::kCancelled, "the request was cancelled");
  }

  void wake() {
    MutexLock lock(mutex_);
    changed_.notify_all();
  }

  Mutex mutex_;
  CondVar changed_;
  std::deque<ScriptedReply> script_ GUARDED_BY(mutex_);
  std::vector<net::ClientRequest> requests_ GUARDED_BY(mutex_);
};

}  // namespace rage::kube
