// The request's way through: what is held back until it is decided where the request goes, and in
// which shape each body mode wants the answer. Replies leave in the order headers, body, trailers;
// the end of the body is said exactly once.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "extproc/message.h"

namespace rage::extproc {

// What may depend on the body, and when it is said.
enum class Decision {
  kAtHeaders,     // The proxy wants the headers answered before it shows a body, if ever.
  kFromHeldBody,  // The headers' answer may wait for the body.
  kInBodyReply,   // The headers are answered at once; changes to them go with the body's answer.
};
Decision decision_of(const Protocol& protocol, bool end_of_stream);

struct RouteChange {
  HeaderChanges headers;
  bool clear_route_cache = false;
  Destination destination;
};

// Value-like, move only by way of its owner. One thread.
class RequestRelay final {
 public:
  enum class End { kOpen, kByBody, kByTrailers };

  // At the request's headers.
  void begin(const Protocol& protocol, bool end_of_stream);
  Decision decision() const { return decision_; }
  End end() const { return end_; }
  bool released() const { return released_; }

  // A message of the body came: false if it is to be ignored, because the body has ended already
  // (Envoy has been seen to end one twice). Bytes are the caller's business until released.
  bool take_body(bool end_of_stream);
  // False likewise.
  bool take_trailers();

  // kInBodyReply: the answer to the headers, which must not wait.
  void answer_headers_early(HeaderChanges changes, Replies& out);
  // Decided. `held`: all bytes since begin(). `replaced`: the whole body is another one; then it
  // must have ended.
  void release(RouteChange change, std::string_view held,
               const std::optional<std::string>& replaced, Replies& out);
  // After release(), for each message that take_body() took, and that take_trailers() took.
  void pass_body(std::string bytes, Replies& out) const;
  void pass_trailers(Replies& out) const;

 private:
  void release_body_reply(RouteChange change, const std::optional<std::string>& replaced,
                          Replies& out) const;
  void release_held(std::string_view held, const std::optional<std::string>& replaced,
                    Replies& out) const;

  Protocol protocol_;
  Decision decision_ = Decision::kAtHeaders;
  End end_ = End::kOpen;
  std::size_t messages_held_ = 0;
  bool released_ = false;
};

}  // namespace rage::extproc
