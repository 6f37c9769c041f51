#include "extproc/request_relay.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"

namespace rage::extproc {

Decision decision_of(const Protocol& protocol, bool end_of_stream) {
  if (end_of_stream) return Decision::kAtHeaders;
  switch (protocol.request) {
    case BodyMode::kNone:
      return Decision::kAtHeaders;
    case BodyMode::kStreamed:
      return protocol.sends_body_early ? Decision::kFromHeldBody : Decision::kAtHeaders;
    case BodyMode::kBuffered:
    case BodyMode::kBufferedPartial:
      return Decision::kInBodyReply;
    case BodyMode::kFullDuplex:
      return Decision::kFromHeldBody;
  }
  UNREACHABLE();
}

void RequestRelay::begin(const Protocol& protocol, bool end_of_stream) {
  protocol_ = protocol;
  decision_ = decision_of(protocol, end_of_stream);
  end_ = end_of_stream ? End::kByBody : End::kOpen;
}

bool RequestRelay::take_body(bool end_of_stream) {
  if (end_ != End::kOpen) return false;
  // kBuffered shows a body once and whole; what follows can only be trailers.
  if (end_of_stream) end_ = End::kByBody;
  if (!released_) ++messages_held_;
  return true;
}

bool RequestRelay::take_trailers() {
  if (end_ != End::kOpen) return false;
  end_ = End::kByTrailers;
  return true;
}

void RequestRelay::answer_headers_early(HeaderChanges changes, Replies& out) {
  DCHECK(decision_ == Decision::kInBodyReply);
  out.push_back(Reply{.kind = Kind::kRequestHeaders, .headers = std::move(changes)});
}

void RequestRelay::release(RouteChange change, std::string_view held,
                           const std::optional<std::string>& replaced, Replies& out) {
  DCHECK(!released_);
  released_ = true;
  if (decision_ == Decision::kInBodyReply) {
    release_body_reply(std::move(change), replaced, out);
  } else {
    out.push_back(Reply{.kind = Kind::kRequestHeaders,
                        .headers = std::move(change.headers),
                        .clear_route_cache = change.clear_route_cache,
                        .destination = std::move(change.destination)});
    release_held(held, replaced, out);
  }
  if (end_ == End::kByTrailers) pass_trailers(out);
}

void RequestRelay::release_body_reply(RouteChange change,
                                      const std::optional<std::string>& replaced,
                                      Replies& out) const {
  if (messages_held_ == 0) return;  // Trailers without a body: too late for any change.
  Reply reply{.kind = Kind::kRequestBody,
              .headers = std::move(change.headers),
              .clear_route_cache = change.clear_route_cache,
              .destination = std::move(change.destination)};
  if (replaced) {
    reply.body_is = Reply::Body::kReplaced;
    reply.body = *replaced;
    // Here the proxy keeps the header, and refuses one that is wrong.
    reply.headers.set.emplace_back("content-length", fmt::format("{}", replaced->size()));
  }
  out.push_back(std::move(reply));
}

void RequestRelay::release_held(std::string_view held, const std::optional<std::string>& replaced,
                                Replies& out) const {
  if (protocol_.request == BodyMode::kFullDuplex) {
    if (decision_ == Decision::kAtHeaders) return;  // There is no body to say the end of.
    add_streamed_copy(Kind::kRequestBody, replaced ? std::string_view(*replaced) : held,
                      end_ == End::kByBody, out);
    return;
  }
  for (std::size_t i = 0; i < messages_held_; ++i) {
    Reply reply{.kind = Kind::kRequestBody};
    if (replaced) {
      reply.body_is = Reply::Body::kReplaced;
      if (i + 1 == messages_held_) reply.body = *replaced;
    }
    out.push_back(std::move(reply));
  }
}

void RequestRelay::pass_body(std::string bytes, Replies& out) const {
  DCHECK(released_);
  if (protocol_.request == BodyMode::kFullDuplex) {
    add_streamed(Kind::kRequestBody, std::move(bytes), end_ == End::kByBody, out);
  } else {
    out.push_back(Reply{.kind = Kind::kRequestBody});
  }
}

void RequestRelay::pass_trailers(Replies& out) const {
  out.push_back(Reply{.kind = Kind::kRequestTrailers});
}

}  // namespace rage::extproc
