// For the tests of this room: a clock that stands, and an upstream that says what the test wants.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/http_client.h"

namespace rage::assistant {

class FakeClock final : public Clock {
 public:
  SteadyTime now() const override { return SteadyTime(passed); }
  WallTime wall_now() const override {
    return WallTime(std::chrono::seconds(1772733600) +
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(passed));
  }
  bool sleep_for(std::chrono::nanoseconds duration, std::stop_token stop) override {
    slept.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(duration));
    passed += duration;
    return !stop.stop_requested();
  }
  std::chrono::nanoseconds passed{0};
  std::vector<std::chrono::milliseconds> slept;
};

// Answers in order of `replies`; the last one again and again. A reply of status 0 is no
// connection.
class ScriptedTransport final : public net::HttpTransport {
 public:
  Result<net::HttpResponse> fetch(const Context& context,
                                  const net::ClientRequest& request) override {
    asked.push_back(request);
    if (meanwhile) meanwhile();
    if (const auto wanted = context.check(); !wanted) return fail(wanted.error());
    const net::HttpResponse reply = next();
    if (reply.status == 0) return fail(ErrorCode::kUnavailable, "connection refused");
    return reply;
  }
  Result<void> stream(const Context& context, const net::ClientRequest& request,
                      const std::function<bool(const net::HttpResponse&)>& on_head,
                      const std::function<bool(std::string_view)>& on_bytes) override {
    auto reply = fetch(context, request);
    if (!reply) return fail(reply.error());
    const std::string body = std::exchange(reply->body, {});
    if (!on_head(*reply)) return {};
    for (std::size_t at = 0; at < body.size(); at += 7) {
      if (!on_bytes(std::string_view(body).substr(at, 7))) return {};
    }
    return {};
  }

  std::deque<net::HttpResponse> replies;
  std::vector<net::ClientRequest> asked;
  std::function<void()> meanwhile;  // Happens while the model thinks.

 private:
  net::HttpResponse next() {
    const net::HttpResponse reply = replies.front();
    if (replies.size() > 1) replies.pop_front();
    return reply;
  }
};

inline net::HttpResponse a_completion(const std::string& content_json) {
  return net::HttpResponse::json(
      200, R"({"model":"m-1","choices":[{"message":{"role":"assistant","content":)" + content_json +
               R"(}}],"usage":{"prompt_tokens":7,"completion_tokens":3},)"
               R"("grounding":{"mode":"composed"}})");
}

inline net::HttpResponse a_stream(const std::vector<std::string>& pieces, bool whole = true) {
  std::string body;
  for (const std::string& piece : pieces) {
    body += R"(data: {"model":"m-1","choices":[{"delta":{"content":")" + piece + "\"}}]}\n\n";
  }
  if (whole) {
    body +=
        R"(data: {"choices":[{"delta":{},"finish_reason":"stop"}],"grounding":{"mode":"model"}})";
    body += "\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}";
    body += "\n\ndata: [DONE]\n\n";
  }
  return {.status = 200, .headers = {{"content-type", "text/event-stream"}}, .body = body};
}

}  // namespace rage::assistant
