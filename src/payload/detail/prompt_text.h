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

  Result<void> add_tools(JsonWalk& walk);
  // Text, or a list of parts.
  Result<void> add_system(JsonWalk& walk);
  // Text, or a list of messages: {"role", "content", "tool_calls"} and the items of responses.
  Result<void> add_messages(JsonWalk& walk);

  bool multimodal() const { return multimodal_; }
  std::string take() &&;

 private:
  enum class Media { kImage, kVideo, kAudio };

  // `depth`: containers around what is read.
  Result<void> add_message(JsonWalk& walk, int depth);
  Result<void> add_content(JsonWalk& walk, int depth, std::string& out);
  Result<void> add_part(JsonWalk& walk, int depth, std::string& out);
  Result<void> add_media(JsonWalk& walk, Media media, int depth, std::string& out);
  std::size_t token_count(Media media) const;

  const VideoHints video_;
  std::string tools_;
  std::string system_;
  std::string messages_;
  bool multimodal_ = false;
  std::size_t media_tokens_ = 0;
};

}  // namespace rage::payload::detail
