#include "gateway/detail/http2_fields.h"

#include <array>

#include "base/strings.h"

namespace rage::gateway::detail {
namespace {

// nghttp2 takes bytes it does not change through pointers that are not const.
std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

void FieldList::add(std::string_view name, std::string_view value) {
  fields_.push_back({.name = bytes_of(name),
                     .value = bytes_of(value),
                     .namelen = name.size(),
                     .valuelen = value.size(),
                     .flags = NGHTTP2_NV_FLAG_NONE});
}

void FieldList::add_all(const HeaderBlock& headers) {
  fields_.reserve(fields_.size() + headers.size() + 2);
  for (std::size_t i = 0; i < headers.size(); ++i) add(headers.name(i), headers.value(i));
}

void FieldList::add_length(const Framing& framing) {
  if (!framing.length_known) return;
  length_ = std::to_string(framing.length);
  add("content-length", length_);
}

void submit_first_settings(nghttp2_session* session, Http2Role role, std::uint32_t streams_max) {
  const std::array<nghttp2_settings_entry, 2> settings = {{
      {.settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
       .value = static_cast<std::uint32_t>(kStreamWindow)},
      role == Http2Role::kServer
          ? nghttp2_settings_entry{.settings_id = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                   .value = streams_max}
          : nghttp2_settings_entry{.settings_id = NGHTTP2_SETTINGS_ENABLE_PUSH, .value = 0},
  }};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

void add_received_field(std::string_view name, std::string_view value, HeaderBlock& headers) {
  if (name == "te" || name == "expect" || name == "host") return;
  if (name == "cookie") {
    if (const auto before = headers.find("cookie")) {
      const std::string joined = std::string(*before) + "; " + std::string(value);
      return headers.set("cookie", joined);
    }
  }
  headers.add(name, value);
}

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

std::optional<std::uint64_t> take_content_length(HeaderBlock& headers) {
  const auto text = headers.find("content-length");
  const auto length = text ? parse_uint(*text) : std::nullopt;
  headers.remove("content-length");
  return length;
}

}  // namespace rage::gateway::detail
