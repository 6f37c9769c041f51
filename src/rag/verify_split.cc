#include "rag/verify_split.h"

#include <algorithm>

#include "base/strings.h"

namespace rage::rag {
namespace {

bool ends_sentence(char c) {
  return c == '.' || c == '?' || c == '!';
}

// Quotation marks and emphasis that stand between a title's last sign and the end of a span.
std::size_t without_closers(std::string_view text, std::size_t end) {
  while (end > 0) {
    const std::string_view head = text.substr(0, end);
    if (head.ends_with("”") || head.ends_with("’")) {
      end -= std::string_view("”").size();
    } else if (head.ends_with('"') || head.ends_with('\'') || head.ends_with('*')) {
      --end;
    } else {
      break;
    }
  }
  return end;
}

// `lower` is cut at `end`; the next sentence is said to begin at `next`.
bool cuts_title(std::string_view lower, std::size_t end, std::size_t next,
                const std::string& title) {
  for (std::size_t k = 1; k < title.size(); ++k) {
    if (!ends_sentence(title[k - 1]) || end < k) continue;
    if (lower.substr(end - k, k) != std::string_view(title).substr(0, k)) continue;
    std::string_view rest = trim(std::string_view(title).substr(k));
    const std::string_view follows = lower.substr(next, rest.size());
    if (follows == rest.substr(0, follows.size())) return true;
  }
  return false;
}

bool goes_on(std::string_view text, std::size_t end, std::size_t next) {
  if (next >= text.size() || text.substr(end, next - end).find('\n') != std::string_view::npos)
    return false;
  const char c = text[next];
  return (c >= 'a' && c <= 'z') || c == '(' || c == ',' || c == ';' ||
         text.substr(next).starts_with("–") || text.substr(next).starts_with("—") ||
         text.substr(next).starts_with("- ") || text.substr(next).starts_with("”");
}

}  // namespace

std::vector<text::TextSpan> split_around_titles(std::string_view text,
                                                const std::vector<std::string>& titles) {
  std::vector<text::TextSpan> spans = text::split_sentences(text);
  if (titles.empty() || spans.size() < 2) return spans;
  const std::string lower = to_lower_ascii(text);
  std::vector<text::TextSpan> merged{spans.front()};
  for (std::size_t i = 1; i < spans.size(); ++i) {
    const std::size_t end = without_closers(text, merged.back().end);
    const std::string_view head = std::string_view(lower).substr(0, end);
    const bool whole = goes_on(text, merged.back().end, spans[i].begin) &&
                       std::ranges::any_of(
                           titles, [&](const std::string& title) { return head.ends_with(title); });
    const bool inside = std::ranges::any_of(titles, [&](const std::string& title) {
      return cuts_title(lower, end, spans[i].begin, title);
    });
    if (whole || inside) {
      merged.back().end = spans[i].end;
    } else {
      merged.push_back(spans[i]);
    }
  }
  return merged;
}

}  // namespace rage::rag
