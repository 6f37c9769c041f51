#include "extproc/response_relay.h"

#include <fmt/format.h>

#include <utility>

namespace rage::extproc {

void ResponseRelay::answer_headers(HeaderChanges changes, bool end_of_stream, Replies& out) {
  started_ = true;
  if (end_of_stream) ended_ = true;
  out.push_back(Reply{.kind = Kind::kResponseHeaders, .headers = std::move(changes)});
}

ResponseRelay::Take ResponseRelay::take_body(bool end_of_stream) {
  if (ended_) return Take::kIgnore;
  says_end_ = end_of_stream;
  // A buffered body is whole, even if trailers follow.
  ended_ = end_of_stream || mode_ == BodyMode::kBuffered;
  return ended_ ? Take::kLast : Take::kPiece;
}

void ResponseRelay::pass_body(std::string bytes, std::optional<std::string> changed,
                              Replies& out) const {
  if (mode_ == BodyMode::kFullDuplex) {
    add_streamed(Kind::kResponseBody, changed ? *std::move(changed) : std::move(bytes), says_end_,
                 out);
    return;
  }
  Reply reply{.kind = Kind::kResponseBody};
  if (changed) {
    if (mode_ == BodyMode::kBuffered) {
      reply.headers.set.emplace_back("content-length", fmt::format("{}", changed->size()));
    }
    reply.body_is = Reply::Body::kReplaced;
    reply.body = *std::move(changed);
  }
  out.push_back(std::move(reply));
}

bool ResponseRelay::take_trailers() {
  return !std::exchange(ended_, true);
}

void ResponseRelay::pass_trailers(std::string rest_of_body, Replies& out) const {
  // Only kFullDuplex has room for more pieces than there were messages.
  if (mode_ == BodyMode::kFullDuplex) {
    add_streamed(Kind::kResponseBody, std::move(rest_of_body), false, out);
  }
  out.push_back(Reply{.kind = Kind::kResponseTrailers});
}

}  // namespace rage::extproc
