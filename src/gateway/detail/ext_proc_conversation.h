// What a picker's ext_proc answers amount to. Pure.
//
// Pickers differ (GIE's lwepp, llm-d's router): the answer to the headers comes at once or
// after the whole body; pieces of the body are answered by empty acknowledgements, before that or
// not at all, or by the body itself, changed. The body is still ours, so none of this can lose it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "envoyapi/ext_proc.h"
#include "picker/endpoint_picker.h"

namespace rage::gateway::detail {

// Pieces of a body as pickers take them.
inline constexpr std::size_t kExtProcPieceBytes = 62'000;

using ExtProcHeaders = std::vector<std::pair<std::string, std::string>>;

// What a picker is asked, in order.
std::vector<envoyapi::ext_proc::ProcessingRequest> render_pick_request(
    const picker::PickRequest& request);
envoyapi::ext_proc::ProcessingRequest render_response_head(const picker::ResponseHead& head);

// Value.
class ExtProcConversation final {
 public:
  enum class Body { kNone, kSent };
  explicit ExtProcConversation(Body body) : has_body_(body == Body::kSent) {}

  // The outcome, once; its exchange is the caller's to add.
  std::optional<picker::PickOutcome> on_response(
      const envoyapi::ext_proc::ProcessingResponse& response);
  // The picker ended the conversation; the text is empty if it did so in peace.
  std::optional<picker::PickOutcome> on_end(const std::string& error);

 private:
  std::optional<picker::PickOutcome> outcome_if_complete();
  void read_headers(const envoyapi::ext_proc::ProcessingResponse& response);
  void read_body(const envoyapi::ext_proc::CommonResponse& response);

  const bool has_body_;
  bool decided_ = false;
  bool headers_done_ = false;
  bool body_done_ = false;
  std::vector<std::string> destinations_;
  ExtProcHeaders headers_;
  std::optional<std::string> body_;  // As the picker wants it.
};

// To set on a reply.
ExtProcHeaders response_headers_of(const envoyapi::ext_proc::ProcessingResponse& response);

}  // namespace rage::gateway::detail
