#include "listen.h"

#include <charconv>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace rage::app {

Result<std::optional<Listen>> parse_listen(std::string_view text) {
  if (text == "0") return std::nullopt;
  const std::size_t colon = text.rfind(':');
  Listen listen{.address = "127.0.0.1"};
  std::string_view port = text;
  if (colon != std::string_view::npos) {
    listen.address = colon == 0 ? "0.0.0.0" : std::string(text.substr(0, colon));
    port = text.substr(colon + 1);
  }
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number > 65535) {
    return fail(ErrorCode::kInvalidArgument, "\"{}\" is no address such as 127.0.0.1:8080", text);
  }
  listen.port = static_cast<std::uint16_t>(number);
  listen.address = pod_address(std::move(listen.address));
  return listen;
}

std::string pod_address(std::string address) {
  const char* const pod_ip = std::getenv("RAGE_POD_IP");
  const bool every = address == "0.0.0.0" || address == "::";
  return every && pod_ip != nullptr && *pod_ip != '\0' ? pod_ip : address;
}

}  // namespace rage::app
