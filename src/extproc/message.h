// What an ext_proc stream says and answers, as values of our own: protobuf stays in wire.cc. One
// stream is one HTTP exchange; its machine gets messages in and gives actions out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/http.h"
#include "picker/endpoint_picker.h"

namespace rage::extproc {

// How a proxy shows a body. Said once, in the first message of a stream.
enum class BodyMode { kNone, kStreamed, kBuffered, kBufferedPartial, kFullDuplex };

struct Protocol {
  BodyMode request = BodyMode::kFullDuplex;  // What charts configure, and who says nothing means.
  BodyMode response = BodyMode::kFullDuplex;
  bool sends_body_early = false;  // Before the headers are answered; always so in kFullDuplex.
  bool operator==(const Protocol&) const = default;
};

// Of a message and of the reply to it; kImmediate is a reply alone.
enum class Kind {
  kRequestHeaders,
  kRequestBody,
  kRequestTrailers,
  kResponseHeaders,
  kResponseBody,
  kResponseTrailers,
  kImmediate,
};

struct Message {
  Kind kind = Kind::kRequestHeaders;
  net::Headers headers;  // Pseudo headers included; empty for bodies and trailers.
  std::size_t header_bytes = 0;
  std::string body;
  bool end_of_stream = false;
  std::optional<Protocol> protocol;
  // envoy.lb.subset_hint/x-gateway-destination-endpoint-subset, "ip:port" each.
  std::optional<std::vector<std::string>> subset;
  std::string served;  // envoy.lb/x-gateway-destination-endpoint-served; empty: not told.
};

using Fields = std::vector<std::pair<std::string, std::string>>;

struct HeaderChanges {
  Fields set;  // Replaces all of that name. No name is in both lists.
  std::vector<std::string> remove;
  bool empty() const { return set.empty() && remove.empty(); }
  bool operator==(const HeaderChanges&) const = default;
};

// Where the request goes: the dynamic metadata envoy.lb/x-gateway-destination-endpoint. The header
// of that name says the same.
struct Destination {
  std::string endpoints;  // "ip:port,ip:port"; empty: not decided here.
  std::vector<std::pair<std::string, double>> scores;  // Empty: not told.
  bool operator==(const Destination&) const = default;
};

struct Reply {
  enum class Body {
    kUnchanged,
    kReplaced,  // Of the one message answered.
    kStreamed,  // A piece of the body in kFullDuplex; `end_of_stream` counts.
  };
  Kind kind = Kind::kRequestHeaders;
  HeaderChanges headers;
  bool clear_route_cache = false;
  Body body_is = Body::kUnchanged;
  std::string body;  // Also of an immediate response.
  bool end_of_stream = false;
  Destination destination;
  int status = 0;       // Of an immediate response.
  std::string details;  // Of it, for the proxy's log.
  bool operator==(const Reply&) const = default;
};

using Replies = std::vector<Reply>;

// Pieces stay below 62,000 bytes: some proxies refuse gRPC messages of 64 KiB and more.
inline constexpr std::size_t kChunkBytesMax = 62'000;

struct Actions {
  Replies replies;
  bool close = false;  // End the RPC, with OK, after the replies.
  std::optional<picker::PickRequest> pick;
  bool drop_pick = false;  // Its answer is not wanted any more.
  // Set: the peer broke the protocol; end the RPC with an error that says so.
  std::string violation;
};

inline Actions violation(std::string what) {
  return Actions{.close = true, .violation = std::move(what)};
}

// Interface. One thread at a time. Pure but for what its EndpointPicker's Exchange does: time is an
// argument.
class StreamMachine {
 public:
  virtual ~StreamMachine() = default;
  virtual Actions on_message(Message message, SteadyTime now) = 0;
  virtual Actions on_pick(picker::PickOutcome outcome, SteadyTime now) = 0;
  // The request is thrown out while in flight.
  virtual Actions on_eviction(const picker::Refusal& refusal) = 0;
  // When to call on_deadline() unless something happens before.
  virtual std::optional<SteadyTime> deadline() const = 0;
  virtual Actions on_deadline(SteadyTime now) = 0;
  // The peer has ended or cancelled the stream: nothing can be said any more. Idempotent.
  virtual void on_gone() = 0;
};

// The answer to a client instead of the model server's, and the end of the stream.
Actions refuse(const picker::Refusal& refusal);

// Bytes as pieces of a body in kFullDuplex, the last one marked if `end`, also if there are none.
void add_streamed(Kind kind, std::string bytes, bool end, Replies& out);
void add_streamed_copy(Kind kind, std::string_view bytes, bool end, Replies& out);

}  // namespace rage::extproc
