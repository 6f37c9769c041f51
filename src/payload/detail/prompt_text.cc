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

std::unexpected<Error> wrong_type(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "{}", what);
}

// A string, unescaped behind `out`; null is no text.
Result<void> add_text(ondemand::value value, std::string_view name, std::string& out) {
  const std::string_view token = token_of(value);
  if (token == "null") return {};
  if (!token.starts_with('"')) return wrong_type(fmt::format("{} must be a string", name));
  ASSIGN_OR_RETURN(const std::string_view raw, raw_string_of(value));
  append_unescaped(raw, &out);
  return {};
}

}  // namespace

Result<void> PromptText::add_tools(ondemand::value value) {
  if (token_of(value) == "null") return {};
  return check_value(value, 1, &tools_);
}

Result<void> PromptText::add_system(ondemand::value value) {
  return add_content(value, 1, system_);
}

Result<void> PromptText::add_messages(ondemand::value value) {
  const std::string_view token = token_of(value);
  if (!token.starts_with('[')) return add_text(value, "messages", messages_);
  ondemand::array messages;
  if (const auto code = value.get_array().get(messages)) return invalid_json(code);
  return for_each_element(messages, 2, [this](ondemand::value& message) -> Result<void> {
    if (!token_of(message).starts_with('{')) return wrong_type("a message must be an object");
    ondemand::object object;
    if (const auto code = message.get_object().get(object)) return invalid_json(code);
    return add_message(object, 3);
  });
}

Result<void> PromptText::add_message(ondemand::object object, int depth) {
  const std::size_t begin = messages_.size();
  std::string role;
  std::string calls;
  const auto on_member = [&](std::string_view name, ondemand::value& value) -> Result<void> {
    if (name == "role") return add_text(value, "role", role);
    // "output" and "arguments": items of responses that tell of function calls.
    if (name == "content" || name == "output") return add_content(value, depth, messages_);
    if (name == "arguments") return add_text(value, "arguments", messages_);
    if (name == "tool_calls" && token_of(value) != "null") {
      return check_value(value, depth, &calls);
    }
    return check_value(value, depth);
  };
  RETURN_IF_ERROR(for_each_member(object, depth, on_member));
  messages_.insert(begin, role);
  messages_ += calls;
  return {};
}

Result<void> PromptText::add_content(ondemand::value value, int depth, std::string& out) {
  const std::string_view token = token_of(value);
  if (!token.starts_with('[') && !token.starts_with('{')) return add_text(value, "content", out);
  if (token.starts_with('{')) {
    ondemand::object part;
    if (const auto code = value.get_object().get(part)) return invalid_json(code);
    return add_part(part, depth + 1, out);
  }
  ondemand::array parts;
  if (const auto code = value.get_array().get(parts)) return invalid_json(code);
  return for_each_element(parts, depth + 1, [&](ondemand::value& part) -> Result<void> {
    if (token_of(part).starts_with('[')) return wrong_type("a part of content must be an object");
    return add_content(part, depth + 1, out);
  });
}

Result<void> PromptText::add_part(ondemand::object object, int depth, std::string& out) {
  const auto on_member = [&](std::string_view name, ondemand::value& value) -> Result<void> {
    if (name == "text") return add_text(value, "text", out);
    if (name == "image_url" || name == "source") {  // "source": Anthropic's.
      return add_media(Media::kImage, value, depth, out);
    }
    if (name == "video_url") return add_media(Media::kVideo, value, depth, out);
    if (name == "audio_url" || name == "input_audio") {
      return add_media(Media::kAudio, value, depth, out);
    }
    if (name == "content") return add_content(value, depth, out);  // Of a tool's result.
    if (name == "input") return check_value(value, depth, &out);   // Of a tool's use.
    return check_value(value, depth);
  };
  return for_each_member(object, depth, on_member);
}

// A run that repeats the low half of a hash over the strings that hold the content or say where it
// is: "url", "data".
Result<void> PromptText::add_media(Media media, ondemand::value value, int depth,
                                   std::string& out) {
  if (token_of(value) == "null") return {};
  std::uint64_t hash = 0;
  std::string unescaped;
  const auto add_string = [&](ondemand::value& text) -> Result<void> {
    ASSIGN_OR_RETURN(std::string_view content, raw_string_of(text));
    if (content.contains('\\')) {
      unescaped.clear();
      append_unescaped(content, &unescaped);
      content = unescaped;
    }
    hash = XXH64(content.data(), content.size(), hash);
    return {};
  };
  if (token_of(value).starts_with('{')) {
    ondemand::object object;
    if (const auto code = value.get_object().get(object)) return invalid_json(code);
    const auto on_member = [&](std::string_view name, ondemand::value& member) -> Result<void> {
      if ((name == "url" || name == "data") && token_of(member).starts_with('"')) {
        return add_string(member);
      }
      return check_value(member, depth + 1);
    };
    RETURN_IF_ERROR(for_each_member(object, depth + 1, on_member));
  } else if (token_of(value).starts_with('"')) {
    RETURN_IF_ERROR(add_string(value));
  } else {
    return wrong_type("an image, video or sound must be a string or an object");
  }
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
