// The response's way through: nothing is held back, each message is answered as its body mode wants
// it; in kFullDuplex piece by piece (1:1, so that an event stream keeps its pace).
#pragma once

#include <optional>
#include <string>

#include "extproc/message.h"

namespace rage::extproc {

// One thread.
class ResponseRelay final {
 public:
  void begin(BodyMode mode) { mode_ = mode; }
  bool started() const { return started_; }
  bool ended() const { return ended_; }
  // Nothing more is coming, although no message says so.
  bool ends_unseen() const { return started_ && mode_ == BodyMode::kNone; }

  void answer_headers(HeaderChanges changes, bool end_of_stream, Replies& out);
  // Whether a message of the body is to be looked at, and whether it is the last: before
  // pass_body().
  enum class Take { kIgnore, kPiece, kLast };
  Take take_body(bool end_of_stream);
  // `changed`: other bytes than the message's, or none for the same.
  void pass_body(std::string bytes, std::optional<std::string> changed, Replies& out) const;
  // True: the trailers end the body; pass_trailers() takes what was still to be said of it.
  bool take_trailers();
  void pass_trailers(std::string rest_of_body, Replies& out) const;

 private:
  BodyMode mode_ = BodyMode::kFullDuplex;
  bool started_ = false;
  bool ended_ = false;     // The body has.
  bool says_end_ = false;  // The last piece says so; trailers follow otherwise.
};

}  // namespace rage::extproc
