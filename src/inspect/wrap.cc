#include "inspect/detail/wrap.h"
#include "base/strings.h"

namespace rage::inspect::detail {

std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns) {
  std::string out;
  std::string line(indent, ' ');
  for (std::size_t at = 0; at < text.size();) {
    if (is_ascii_space(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && !is_ascii_space(text[end])) ++end;
    const std::string_view word = text.substr(at, end - at);
    at = end;
    const bool fresh = line.size() == indent;
    if (!fresh && line.size() + 1 + word.size() > columns) {
      out += line + "\n";
      line.assign(indent, ' ');
    } else if (!fresh) {
      line += ' ';
    }
    line += word;
  }
  return out + line + "\n";
}

}  // namespace rage::inspect::detail
