#include "guardrails/open_pattern.h"

#include <cstddef>
#include <vector>

#include "base/strings.h"
#include "text/unicode.h"

namespace rage::guardrails {
namespace {

constexpr std::size_t kGroupDepthMax = 32;
constexpr std::size_t kParts = 600;  // RE2 nests no deeper than 1,000.

// Of one part of a pattern: all of it, and the pattern of its beginnings. An empty `open` is the
// empty beginning alone.
struct Part {
  std::string full;
  std::string open;
};

std::string group(std::string_view inside) {
  return "(?:" + std::string(inside) + ")";
}

// Reads a pattern that RE2 has compiled, so that what is malformed need not be told from the rest.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<Part> read(Lookahead lookahead) {
    std::string flags;
    if (text_.starts_with("(?")) {
      const std::size_t end = text_.find_first_not_of("imsU-", 2);
      if (end != std::string_view::npos && end > 2 && text_[end] == ')') {
        flags = text_.substr(0, end + 1);
        at_ = end + 1;
      }
    }
    auto part = alternatives(0);
    if (!part || at_ != text_.size()) return std::nullopt;
    if (lookahead == Lookahead::kOneCharacter) {
      part->open = group(part->open + "|" + group(part->full));
    }
    part->full = flags + part->full;
    part->open = flags + group(part->open);
    return part;
  }

 private:
  bool ends() const { return at_ >= text_.size(); }
  char next() const { return text_[at_]; }

  std::optional<Part> alternatives(std::size_t depth) {
    if (depth > kGroupDepthMax) return std::nullopt;
    std::optional<Part> all;
    while (true) {
      auto one = sequence(depth);
      if (!one) return std::nullopt;
      if (all) {
        all->full += "|" + one->full;
        all->open += "|" + one->open;
      } else {
        all = std::move(one);
      }
      if (ends() || next() != '|') return all;
      ++at_;
    }
  }

  std::optional<Part> sequence(std::size_t depth) {
    std::vector<Part> parts;
    while (!ends() && next() != '|' && next() != ')') {
      auto part = atom(depth);
      if (!part) return std::nullopt;
      parts.push_back(repeated(*std::move(part)));
      if (parts.size() > kParts) return std::nullopt;
    }
    Part all;
    for (const Part& part : parts) all.full += part.full;
    for (std::size_t i = parts.size(); i-- > 0;) {
      const Part& part = parts[i];
      if (i + 1 == parts.size()) {
        all.open = part.open.empty() ? "" : group(part.open);
      } else if (part.open.empty()) {
        all.open = group(part.full + all.open) + "?";
      } else {
        all.open = group(part.open + "|" + part.full + all.open);
      }
    }
    return all;
  }

  // `*`, `+`, `?` and `{n,m}` behind a part, greedy or not.
  Part repeated(Part part) {
    while (!ends()) {
      const std::size_t begin = at_;
      bool once = false;
      if (next() == '*' || next() == '+' || next() == '?') {
        once = next() == '?';
        ++at_;
      } else if (next() != '{' || !skip_count(once)) {
        break;
      }
      if (!ends() && next() == '?') ++at_;
      const std::string again = group(part.full) + "*";
      part.full = group(part.full) + std::string(text_.substr(begin, at_ - begin));
      if (!once) part.open = part.open.empty() ? again : again + group(part.open);
    }
    return part;
  }

  bool skip_count(bool& once) {
    const std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return false;
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    if (inside.empty() || !is_ascii_digit(inside[0])) return false;
    if (inside.find_first_not_of("0123456789,") != std::string_view::npos) return false;
    once = inside == "1" || inside == "0,1" || inside == "1,1";
    at_ = end + 1;
    return true;
  }

  std::optional<Part> atom(std::size_t depth) {
    if (next() == '(') return parenthesis(depth);
    const std::size_t begin = at_;
    if (next() == '[' ? !skip_class() : next() == '\\' ? !skip_escape() : !skip_character()) {
      return std::nullopt;
    }
    return Part{.full = std::string(text_.substr(begin, at_ - begin)), .open = {}};
  }

  std::optional<Part> parenthesis(std::size_t depth) {
    ++at_;
    std::string flags = "(?:";
    if (!ends() && next() == '?') {
      const std::size_t end = text_.find_first_of(">:)", at_);
      if (end == std::string_view::npos || text_[end] == ')') return std::nullopt;
      if (text_[end] == ':') flags = "(" + std::string(text_.substr(at_, end + 1 - at_));
      at_ = end + 1;
    }
    auto inside = alternatives(depth + 1);
    if (!inside || ends()) return std::nullopt;
    ++at_;
    return Part{.full = flags + inside->full + ")",
                .open = inside->open.empty() ? "" : flags + inside->open + ")"};
  }

  bool skip_character() {
    (void)text::next_code_point(text_, at_);
    return true;
  }

  bool skip_escape() {
    if (++at_ >= text_.size()) return false;
    const char kind = next();
    if (kind == 'Q' || kind == 'C' || is_ascii_digit(kind)) return false;
    if (!skip_character()) return false;
    if (kind != 'p' && kind != 'P' && kind != 'x') return true;
    if (!ends() && next() == '{') {
      at_ = text_.find('}', at_);
      if (at_ == std::string_view::npos) return false;
      ++at_;
      return true;
    }
    at_ += kind == 'x' ? 2 : 1;
    return at_ <= text_.size();
  }

  bool skip_class() {
    ++at_;
    if (!ends() && next() == '^') ++at_;
    bool first = true;
    while (!ends() && (first || next() != ']')) {
      first = false;
      if (text_.substr(at_).starts_with("[:")) {
        const std::size_t end = text_.find(":]", at_);
        if (end == std::string_view::npos) return false;
        at_ = end + 2;
      } else if (next() == '\\' ? !skip_escape() : !skip_character()) {
        return false;
      }
    }
    if (ends()) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::string> open_pattern(std::string_view pattern, Lookahead lookahead) {
  const auto part = Reader(pattern).read(lookahead);
  if (!part) return std::nullopt;
  return part->open + "\\z";
}

}  // namespace rage::guardrails
