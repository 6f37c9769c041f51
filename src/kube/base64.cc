#include "kube/detail/base64.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/strings.h"

namespace rage::kube::detail {

std::optional<std::string> base64_decode(std::string_view text) {
  std::string padded(text);
  std::erase_if(padded, is_ascii_space);
  if (!padded.ends_with('=')) padded.append((4 - padded.size() % 4) % 4, '=');
  auto bytes = decode_base64(padded);
  return bytes ? std::optional(*std::move(bytes)) : std::nullopt;
}

}  // namespace rage::kube::detail
