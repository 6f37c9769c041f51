#include "payload/detail/prompt_text.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace rage::payload::detail {
namespace {

constexpr std::uint32_t kPixelsATokenSide = 28;  // Patches of 14 pixels, merged two by two.
constexpr std::uint32_t kSidePixelsMax = 1024;
constexpr std::size_t kAudioTokens = 125;  // Five seconds of 25 tokens.
constexpr double kVideoTokensMax = 16384;
// Beyond, an item is one token: a small body must not become a large text. Prefix matching looks at
// 131,072 tokens by default.
constexpr std::size_t kMediaTokensMax = std::size_t{1} << 18;

std::size_t frame_tokens(std::uint32_t width, std::uint32_t height) {
  const auto side = [](std::uint32_t pixels) {
    const std::uint32_t used = std::clamp(pixels, std::uint32_t{1}, kSidePixelsMax);
    return std::size_t{(used + kPixelsATokenSide - 1) / kPixelsATokenSide};
  };
  return side(width) * side(height);
}

std::unexpected<Error> must_be(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "{}", what);
}

// Reads a string, unescaped behind `out`; null is no text.
Result<void> add_text(JsonWalk& walk, std::string_view name, std::string& out) {
  if (walk.skip_null()) return {};
  if (walk.peek() != '"') return must_be(fmt::format("{} must be a string", name));
  return walk.append_string(out);
}

// Reads a string and goes on with the hash over it, unescaped.
Result<void> hash_text(JsonWalk& walk, std::uint64_t& hash) {
  ASSIGN_OR_RETURN(std::string_view text, walk.raw_string());
  std::string unescaped;
  if (text.contains('\\')) {
    append_unescaped(text, &unescaped);
    text = unescaped;
  }
  hash = XXH64(text.data(), text.size(), hash);
  return {};
}

// Over the strings that hold what is shown, or say where it is: "url", "data".
Result<std::uint64_t> hash_media(JsonWalk& walk, int depth) {
  std::uint64_t hash = 0;
  if (walk.peek() == '{') {
    RETURN_IF_ERROR(for_each_member(walk, depth + 1, [&](std::string_view name) {
      const bool counts = (name == "url" || name == "data") && walk.peek() == '"';
      return counts ? hash_text(walk, hash) : walk.check_value(depth + 1);
    }));
    return hash;
  }
  if (walk.peek() != '"') return must_be("media must be a string or an object");
  RETURN_IF_ERROR(hash_text(walk, hash));
  return hash;
}

}  // namespace

Result<void> PromptText::add_tools(JsonWalk& walk) {
  if (walk.skip_null()) return {};
  return walk.copy_value(1, tools_);
}

Result<void> PromptText::add_system(JsonWalk& walk) {
  return add_content(walk, 1, system_);
}

Result<void> PromptText::add_messages(JsonWalk& walk) {
  if (walk.peek() != '[') return add_text(walk, "messages", messages_);
  return for_each_element(walk, 2, [&]() -> Result<void> {
    if (walk.peek() != '{') return must_be("a message must be an object");
    return add_message(walk, 2);
  });
}

Result<void> PromptText::add_message(JsonWalk& walk, int depth) {
  const int inside = depth + 1;
  const std::size_t begin = messages_.size();
  std::string role;
  std::string calls;
  const auto on_member = [&](std::string_view name) -> Result<void> {
    if (name == "role") return add_text(walk, "role", role);
    // "output" and "arguments": items of responses that tell of function calls.
    if (name == "content" || name == "output") return add_content(walk, inside, messages_);
    if (name == "arguments") return add_text(walk, "arguments", messages_);
    if (name == "tool_calls") {
      return walk.skip_null() ? Result<void>() : walk.copy_value(inside, calls);
    }
    return walk.check_value(inside);
  };
  RETURN_IF_ERROR(for_each_member(walk, inside, on_member));
  messages_.insert(begin, role);
  messages_ += calls;
  return {};
}

// Text, a part, or a list of them.
Result<void> PromptText::add_content(JsonWalk& walk, int depth, std::string& out) {
  if (walk.peek() == '{') return add_part(walk, depth, out);
  if (walk.peek() != '[') return add_text(walk, "content", out);
  return for_each_element(walk, depth + 1, [&]() -> Result<void> {
    if (walk.peek() == '[') return must_be("a part of content must be an object or a string");
    return add_content(walk, depth + 1, out);
  });
}

Result<void> PromptText::add_part(JsonWalk& walk, int depth, std::string& out) {
  const int inside = depth + 1;
  const auto on_member = [&](std::string_view name) -> Result<void> {
    if (name == "text") return add_text(walk, "text", out);
    if (name == "image_url" || name == "source") {  // "source": Anthropic's.
      return add_media(walk, Media::kImage, inside, out);
    }
    if (name == "video_url") return add_media(walk, Media::kVideo, inside, out);
    if (name == "audio_url" || name == "input_audio") {
      return add_media(walk, Media::kAudio, inside, out);
    }
    if (name == "content") return add_content(walk, inside, out);  // Of a tool's result.
    if (name == "input") return walk.copy_value(inside, out);      // Of a tool's use.
    return walk.check_value(inside);
  };
  return for_each_member(walk, inside, on_member);
}

// A run of tokens that are the low half of a hash.
Result<void> PromptText::add_media(JsonWalk& walk, Media media, int depth, std::string& out) {
  if (walk.skip_null()) return {};
  ASSIGN_OR_RETURN(const std::uint64_t hash, hash_media(walk, depth));
  multimodal_ = true;
  const std::size_t wanted = token_count(media);
  const std::size_t tokens = media_tokens_ + wanted <= kMediaTokensMax ? wanted : 1;
  media_tokens_ += tokens;
  std::array<char, 4> token = {};
  for (std::size_t i = 0; i < token.size(); ++i) token[i] = static_cast<char>(hash >> (8 * i));
  for (std::size_t i = 0; i < tokens; ++i) out.append(token.data(), token.size());
  return {};
}

std::size_t PromptText::token_count(Media media) const {
  switch (media) {
    case Media::kImage:
      return frame_tokens(640, 360);  // Its true size is not looked for.
    case Media::kAudio:
      return kAudioTokens;
    case Media::kVideo:
      break;
  }
  const double frames = std::max(1.0, video_.fps * video_.duration_seconds);  // NaN: 1.
  const double tokens = frames * static_cast<double>(frame_tokens(video_.width, video_.height));
  return static_cast<std::size_t>(std::min(tokens, kVideoTokensMax));
}

std::string PromptText::take() && {
  tools_ += system_;
  if (tools_.empty()) return std::move(messages_);
  tools_ += messages_;
  return std::move(tools_);
}

}  // namespace rage::payload::detail
