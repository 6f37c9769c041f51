#include "extproc/message.h"

#include <fmt/format.h>

#include "extproc/headers.h"

namespace rage::extproc {

Actions refuse(const picker::Refusal& refusal) {
  Reply reply{
      .kind = Kind::kImmediate,
      .body = refusal.text(),
      .status = refusal.status,
      .details = fmt::format(
          "rage_{}", refusal.dropped_reason.empty() ? refusal.code_name : refusal.dropped_reason)};
  if (!refusal.dropped_reason.empty()) {
    reply.headers.set.emplace_back(kDroppedReasonHeader, refusal.dropped_reason);
  }
  if (refusal.retry_after) {
    reply.headers.set.emplace_back("retry-after", fmt::format("{}", refusal.retry_after->count()));
  }
  Actions actions{.close = true};
  actions.replies.push_back(std::move(reply));
  return actions;
}

namespace {

void add_piece(Kind kind, std::string bytes, bool end, Replies& out) {
  out.push_back(Reply{.kind = kind,
                      .body_is = Reply::Body::kStreamed,
                      .body = std::move(bytes),
                      .end_of_stream = end});
}

}  // namespace

void add_streamed(Kind kind, std::string bytes, bool end, Replies& out) {
  if (bytes.size() > kChunkBytesMax) return add_streamed_copy(kind, bytes, end, out);
  if (end || !bytes.empty()) add_piece(kind, std::move(bytes), end, out);
}

void add_streamed_copy(Kind kind, std::string_view bytes, bool end, Replies& out) {
  while (bytes.size() > kChunkBytesMax) {
    add_piece(kind, std::string(bytes.substr(0, kChunkBytesMax)), false, out);
    bytes.remove_prefix(kChunkBytesMax);
  }
  if (end || !bytes.empty()) add_piece(kind, std::string(bytes), end, out);
}

}  // namespace rage::extproc
