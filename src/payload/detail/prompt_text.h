// The canonical text of a chat: what of a request decides which cached prefix it can share.
#pragma once

#include <string>

#include "payload/detail/json_walk.h"
#include "payload/inference_request.h"

namespace rage::payload::detail {

// Tools first, then the system's text, then role and content of each message, whatever the order in
// the body. Each add function reads one member of the outermost object.
class PromptText {
 public:
  explicit PromptText(const VideoHints& video) : video_(video) {}

  Result<void> add_tools(ondemand::value value);
  // Text, or a list of parts.
  Result<void> add_system(ondemand::value value);
  // Text, or a list of messages: {"role", "content", "tool_calls"} and the items of responses.
  Result<void> add_messages(ondemand::value value);

  bool multimodal() const { return multimodal_; }
  std::string take() &&;

 private:
  enum class Media { kImage, kVideo, kAudio };

  Result<void> add_message(ondemand::object object, int depth);
  Result<void> add_content(ondemand::value value, int depth, std::string& out);
  Result<void> add_part(ondemand::object object, int depth, std::string& out);
  Result<void> add_media(Media media, ondemand::value value, int depth, std::string& out);
  std::size_t token_count(Media media) const;

  const VideoHints video_;
  std::string tools_;
  std::string system_;
  std::string messages_;
  bool multimodal_ = false;
  std::size_t media_tokens_ = 0;
};

}  // namespace rage::payload::detail
