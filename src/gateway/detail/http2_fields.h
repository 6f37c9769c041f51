// Between header blocks and nghttp2's fields. Pure.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/detail/message.h"

namespace rage::gateway::detail {

// Windows of what we receive: a stream's bounds what we hold of it while its other end is slow.
inline constexpr std::int32_t kStreamWindow = 256 << 10;
inline constexpr std::int32_t kConnectionWindow = 4 << 20;
// What is rendered ahead of the socket.
inline constexpr std::size_t kFramesAhead = 128 << 10;

// Fields that point into what they were made of and into `numbers`, which must not change while
// they are used.
class FieldList final {
 public:
  void add(std::string_view name, std::string_view value);
  void add_all(const HeaderBlock& headers);
  void add_length(const Framing& framing);
  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }

 private:
  std::vector<nghttp2_nv> fields_;
  std::string length_;
};

// A window, no push, no dynamic surprises; `client`: who we are.
enum class Http2Role { kClient, kServer };
void submit_first_settings(nghttp2_session* session, Http2Role role, std::uint32_t streams_max);

// Adds a regular field unless it belongs to the connection; cookies that were split are joined.
void add_received_field(std::string_view name, std::string_view value, HeaderBlock& headers);

std::string_view text_of(const std::uint8_t* bytes, std::size_t size);

// Takes the length out of the block.
std::optional<std::uint64_t> take_content_length(HeaderBlock& headers);

}  // namespace rage::gateway::detail
