#include "guardrails/window.h"

#include <algorithm>
#include <utility>

namespace rage::guardrails {
namespace {

constexpr std::size_t kContextBytes = 8;  // At least one character, whatever its length.
constexpr std::size_t kOftenBytes = 512;  // What is held is searched anew for each piece.

}  // namespace

std::vector<Piece> Window::feed(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() < scan_at_ || !finder_.streams()) return {};
  return scan(Ending::kMore);
}

std::vector<Piece> Window::finish() {
  return scan(Ending::kEnd);
}

std::vector<Piece> Window::change(Finder finder) {
  std::vector<Piece> pieces = scan(Ending::kMore);
  finder_ = std::move(finder);
  scan_at_ = 0;
  return pieces;
}

std::vector<Piece> Window::scan(Ending ending) {
  Scan found = finder_.scan(buffer_, from_, ending);
  std::vector<Piece> pieces;
  std::size_t at = from_;
  for (const Finding& each : merge_overlapping(std::move(found.findings))) {
    if (each.begin > at) pieces.push_back({.text = buffer_.substr(at, each.begin - at)});
    pieces.push_back({.text = buffer_.substr(each.begin, each.end - each.begin),
                      .found = true,
                      .kind = each.kind});
    at = each.end;
  }
  if (found.decided > at) pieces.push_back({.text = buffer_.substr(at, found.decided - at)});
  std::size_t keep = found.decided - std::min(found.decided, kContextBytes);
  while (keep > 0 && keep < found.decided && (buffer_[keep] & 0xC0) == 0x80) ++keep;
  buffer_.erase(0, keep);
  from_ = found.decided - keep;
  const std::size_t held = buffer_.size() - from_;
  scan_at_ = buffer_.size() + (held > kOftenBytes ? held / 4 : 0);
  return pieces;
}

}  // namespace rage::guardrails
