// Any order of messages and picks: replies keep their order, the end of a body is said once, bytes
// arrive as they were sent, nothing follows the last word.
#include <fuzzer/FuzzedDataProvider.h>

#include <memory>

#include "base/check.h"
#include "extproc/bbr_stream.h"
#include "extproc/epp_stream.h"
#include "extproc/messages_for_test.h"

namespace rage::extproc {
namespace {

// What a proxy would hold against the replies of one direction.
class Direction {
 public:
  explicit Direction(BodyMode mode) : mode_(mode) {}

  void sent_body(const std::string& bytes) {
    if (ended_in_) return;
    in_ += bytes;
    ++messages_;
  }
  void sent_end() { ended_in_ = true; }

  void got_headers() {
    CHECK(headers_ == 0 && bodies_ == 0 && trailers_ == 0);
    ++headers_;
  }
  void got_body(const Reply& reply, bool may_differ) {
    CHECK(trailers_ == 0);
    CHECK(!ended_out_);
    ++bodies_;
    CHECK((reply.body_is == Reply::Body::kStreamed) == (mode_ == BodyMode::kFullDuplex));
    if (mode_ != BodyMode::kFullDuplex) {
      CHECK(bodies_ <= messages_);
      return;
    }
    CHECK(reply.body.size() <= kChunkBytesMax);
    out_ += reply.body;
    ended_out_ = reply.end_of_stream;
    if (!may_differ) CHECK(in_.starts_with(out_));
    if (!may_differ && ended_out_) CHECK(in_ == out_);
  }
  void got_trailers(bool once) {
    CHECK(!ended_out_ || !once);
    ++trailers_;
    CHECK(trailers_ == 1 || !once);
  }
  bool has_headers() const { return headers_ > 0; }
  bool complete() const { return ended_in_ && in_ == out_; }

 private:
  const BodyMode mode_;
  std::string in_;
  std::string out_;
  bool ended_in_ = false;
  bool ended_out_ = false;
  std::size_t messages_ = 0;
  std::size_t headers_ = 0;
  std::size_t bodies_ = 0;
  std::size_t trailers_ = 0;
};

struct Play {
  Protocol protocol;
  bool replaces = false;
  Direction request;
  Direction response;
  bool closed = false;
  bool response_differs = false;

  void check(const Actions& actions) {
    CHECK(!closed || (actions.replies.empty() && !actions.pick));
    for (const Reply& reply : actions.replies) {
      CHECK(!closed);
      for (const auto& [name, value] : reply.headers.set) CHECK(!name.empty());
      switch (reply.kind) {
        case Kind::kRequestHeaders:
          request.got_headers();
          break;
        case Kind::kRequestBody:
          CHECK(request.has_headers());
          request.got_body(reply, replaces);
          break;
        case Kind::kRequestTrailers:
          CHECK(request.has_headers());
          request.got_trailers(true);
          break;
        case Kind::kResponseHeaders:
        case Kind::kResponseTrailers:
          break;
        case Kind::kResponseBody:
          response.got_body(reply, response_differs);
          break;
        case Kind::kImmediate:
          CHECK(actions.close && reply.status >= 400);
          break;
      }
    }
    closed = closed || actions.close;
  }
};

BodyMode any_mode(FuzzedDataProvider& data) {
  return static_cast<BodyMode>(data.ConsumeIntegralInRange(0, 4));
}

// Proxies send a direction's messages in order; half of the time so does this one.
Message next_message(FuzzedDataProvider& data) {
  static constexpr const char* kPieces[] = {"{\"model\":\"m\"}", "{\"model\":", "\"m\"", "}",
                                            ",\"model\":\"n\"",  "x",           "A",     "",
                                            "{\"model\":\"\"}"};
  Message message{.kind = static_cast<Kind>(data.ConsumeIntegralInRange(0, 6)),
                  .end_of_stream = data.ConsumeIntegralInRange(0, 3) == 0};
  if (message.kind == Kind::kRequestBody || message.kind == Kind::kResponseBody) {
    message.body =
        data.ConsumeBool() ? data.PickValueInArray(kPieces) : data.ConsumeRandomLengthString(64);
    if (data.ConsumeIntegralInRange(0, 30) == 0) message.body += std::string(130'000, ' ');
  }
  if (message.kind == Kind::kRequestHeaders || message.kind == Kind::kResponseHeaders) {
    message.headers.add(":status", "200");
    if (data.ConsumeBool()) message.headers.add("content-length", "3");
    if (data.ConsumeBool()) message.headers.add("x-gateway-model-name", "c");
    if (data.ConsumeBool()) message.headers.add("content-type", data.ConsumeRandomLengthString(40));
  }
  return message;
}

void note(const Message& message, Play& play, bool& request_open) {
  if (message.kind == Kind::kRequestHeaders && message.end_of_stream) request_open = false;
  if (message.kind == Kind::kRequestBody && request_open) {
    play.request.sent_body(message.body);
    if (message.end_of_stream) play.request.sent_end(), request_open = false;
  }
  if (message.kind == Kind::kRequestTrailers) play.request.sent_end(), request_open = false;
  if (message.kind == Kind::kResponseBody) play.response.sent_body(message.body);
  const bool response =
      message.kind == Kind::kResponseHeaders || message.kind == Kind::kResponseBody;
  if ((response && message.end_of_stream) || message.kind == Kind::kResponseTrailers) {
    play.response.sent_end();
  }
}

void play(FuzzedDataProvider& data, StreamMachine& machine, Play& play,
          const std::shared_ptr<ExchangeLog>& log) {
  bool first = true;
  bool request_open = true;
  bool picking = false;
  SteadyTime now = kStart;
  while (data.remaining_bytes() > 0) {
    Actions actions;
    const int what = data.ConsumeIntegralInRange(0, 15);
    if (what == 0 && picking) {
      picker::Pick pick{.destinations = {"a:1"}, .exchange = std::make_shared<FakeExchange>(log)};
      if (play.replaces) pick.body = "other";
      picking = false;
      actions = machine.on_pick({.pick = std::move(pick)}, now);
    } else if (what == 1 && picking) {
      picking = false;
      actions = machine.on_pick({.refusal = picker::Refusal{}}, now);
    } else if (what == 2 && data.ConsumeIntegralInRange(0, 7) == 0) {
      now += std::chrono::hours(1);
      actions = machine.on_deadline(now);
    } else if (what == 3 && data.ConsumeIntegralInRange(0, 7) == 0) {
      actions = machine.on_eviction(picker::Refusal{.status = 429});
    } else {
      Message message = next_message(data);
      if (std::exchange(first, false)) {
        message.kind = Kind::kRequestHeaders;
        message.protocol = play.protocol;
      }
      note(message, play, request_open);
      actions = machine.on_message(std::move(message), now);
    }
    picking = picking || actions.pick.has_value();
    play.check(actions);
  }
  machine.on_gone();
}

}  // namespace
}  // namespace rage::extproc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::extproc;  // NOLINT: a fuzz target's root.
  FuzzedDataProvider data(bytes, size);
  const Protocol protocol{.request = any_mode(data),
                          .response = any_mode(data),
                          .sends_body_early = data.ConsumeBool()};
  const auto log = std::make_shared<ExchangeLog>();
  Play state{.protocol = protocol,
             .replaces = data.ConsumeBool(),
             .request = Direction(protocol.request),
             .response = Direction(protocol.response)};
  if (data.ConsumeBool()) {
    state.replaces = false;
    static const BbrConfig config{.body_bytes_max = 300'000};
    static const BbrObserver observer;
    BbrStream machine(config, std::make_shared<const AdapterMap>(), observer);
    play(data, machine, state, log);
  } else {
    static const EppConfig config{.body_bytes_max = 300'000};
    EppStream machine(config);
    state.response_differs = true;  // The exchange changes it.
    play(data, machine, state, log);
  }
  return 0;
}
