// Messages in a line, replies as a line of text: tests of the machines are tables of both.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "extproc/message.h"

namespace rage::extproc {

inline constexpr SteadyTime kStart{std::chrono::hours(1000)};

inline Message headers(Fields fields, bool end = false, std::optional<Protocol> protocol = {}) {
  Message message{.kind = Kind::kRequestHeaders, .end_of_stream = end, .protocol = protocol};
  for (const auto& [name, value] : fields) {
    message.headers.add(name, value);
    message.header_bytes += name.size() + value.size();
  }
  return message;
}

inline Message post(Fields fields = {}, std::optional<Protocol> protocol = {}) {
  Fields all{{":method", "POST"}, {":path", "/v1/completions"}};
  for (auto& field : fields) all.push_back(std::move(field));
  return headers(std::move(all), false, protocol);
}

inline Message body(std::string bytes, bool end = false) {
  return {.kind = Kind::kRequestBody, .body = std::move(bytes), .end_of_stream = end};
}
inline Message trailers() {
  return {.kind = Kind::kRequestTrailers};
}
inline Message response(std::string status, bool end = false) {
  Message message{.kind = Kind::kResponseHeaders, .end_of_stream = end};
  message.headers.add(":status", status);
  return message;
}
inline Message response_body(std::string bytes, bool end = false) {
  return {.kind = Kind::kResponseBody, .body = std::move(bytes), .end_of_stream = end};
}
inline Message response_trailers() {
  return {.kind = Kind::kResponseTrailers};
}

inline constexpr Protocol kNoBody{.request = BodyMode::kNone, .response = BodyMode::kNone};
inline constexpr Protocol kBuffered{.request = BodyMode::kBuffered,
                                    .response = BodyMode::kBuffered};
inline constexpr Protocol kPartial{.request = BodyMode::kBufferedPartial,
                                   .response = BodyMode::kBufferedPartial};
inline constexpr Protocol kStreamed{.request = BodyMode::kStreamed,
                                    .response = BodyMode::kStreamed};
inline constexpr Protocol kStreamedEarly{
    .request = BodyMode::kStreamed, .response = BodyMode::kStreamed, .sends_body_early = true};

// "headers +name=value -name route | body chunk 'x' end | trailers | 413 'text' +name=value"
inline std::string describe(const Reply& reply) {
  static constexpr const char* kNames[] = {"headers", "body",       "trailers", "r-headers",
                                           "r-body",  "r-trailers", ""};
  std::string text = reply.kind == Kind::kImmediate
                         ? fmt::format("{} '{}'", reply.status, reply.body)
                         : kNames[static_cast<int>(reply.kind)];
  if (reply.body_is == Reply::Body::kReplaced) text += fmt::format(" = '{}'", reply.body);
  if (reply.body_is == Reply::Body::kStreamed) text += fmt::format(" '{}'", reply.body);
  if (reply.end_of_stream) text += " end";
  for (const auto& [name, value] : reply.headers.set) text += fmt::format(" +{}={}", name, value);
  for (const std::string& name : reply.headers.remove) text += " -" + name;
  if (reply.clear_route_cache) text += " route";
  if (!reply.destination.endpoints.empty()) text += " to " + reply.destination.endpoints;
  for (const auto& [endpoint, score] : reply.destination.scores) {
    text += fmt::format(" {}:{}", endpoint, score);
  }
  return text;
}

// What an exchange did, and an exchange that changes "A" of a response's body to "bb".
struct ExchangeLog {
  std::vector<std::string> events;
  std::function<void(picker::Refusal)> evict;
  bool wants_body = true;
};

class FakeExchange final : public picker::Exchange {
 public:
  explicit FakeExchange(std::shared_ptr<ExchangeLog> log) : log_(std::move(log)) {}
  ~FakeExchange() override { FakeExchange::finish(picker::Completion::kClientDisconnect); }

  std::vector<std::pair<std::string, std::string>> on_response_headers(
      const picker::ResponseHead& head) override {
    log_->events.push_back(fmt::format("head {} {}", head.status, head.served));
    return {{"x-session-token", "s"}};
  }
  std::string on_response_body(std::string_view bytes, bool end) override {
    log_->events.push_back(fmt::format("body '{}'{}", bytes, end ? " end" : ""));
    std::string changed;
    for (const char c : bytes) changed += c == 'A' ? std::string("bb") : std::string(1, c);
    return changed;
  }
  void finish(picker::Completion how) override {
    static constexpr const char* kNames[] = {"normal", "disconnect", "evicted", "error"};
    if (!std::exchange(finished_, true)) {
      log_->events.emplace_back(kNames[static_cast<int>(how)]);
    }
  }
  bool wants_response_body() const override { return log_->wants_body; }
  void on_eviction(std::function<void(picker::Refusal)> evicted) override {
    log_->evict = std::move(evicted);
  }

 private:
  const std::shared_ptr<ExchangeLog> log_;
  bool finished_ = false;
};

}  // namespace rage::extproc
