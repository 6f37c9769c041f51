#include "guardrails/json_scan.h"

#include <algorithm>

#include "base/strings.h"
#include "codec/json.h"

namespace rage::guardrails {
namespace {

constexpr std::size_t kDepthMax = 64;

// Where the brace at `begin` closes; npos if it does not.
std::size_t closing_brace(std::string_view text, std::size_t begin, bool minds_quotes) {
  std::size_t depth = 0;
  char quote = 0;
  for (std::size_t at = begin; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == '\\') ++at;
      if (c == quote) quote = 0;
    } else if (minds_quotes && c == '"') {
      quote = c;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return at;
    }
  }
  return std::string_view::npos;
}

// Reads leniently; tells only whether it could.
class LenientReader {
 public:
  explicit LenientReader(std::string_view text) : text_(text) {}

  bool reads_object() {
    skip_space();
    if (!object(0)) return false;
    skip_space();
    return at_ == text_.size();
  }

 private:
  bool object(std::size_t depth) {
    if (depth > kDepthMax || !take('{')) return false;
    while (true) {
      skip_commas();
      if (take('}')) return true;
      if (!key()) return false;
      skip_space();
      if (!take(':') && !take('=')) return false;
      if (!value(depth + 1)) return false;
    }
  }

  bool array(std::size_t depth) {
    if (depth > kDepthMax || !take('[')) return false;
    while (true) {
      skip_commas();
      if (take(']')) return true;
      if (!value(depth + 1)) return false;
    }
  }

  bool value(std::size_t depth) {
    skip_space();
    if (at_ >= text_.size()) return false;
    const char c = text_[at_];
    if (c == '{') return object(depth);
    if (c == '[') return array(depth);
    return c == '"' || c == '\'' ? quoted() : word();
  }

  bool key() {
    skip_space();
    if (at_ >= text_.size()) return false;
    return text_[at_] == '"' || text_[at_] == '\'' ? quoted() : word();
  }

  bool quoted() {
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  // A number, True, None, or whatever stands there without quotes.
  bool word() {
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_of(" \t\r\n,:={}[]\"'", at_), text_.size());
    return at_ > begin;
  }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void skip_space() {
    while (at_ < text_.size()) {
      if (is_ascii_space(text_[at_])) {
        ++at_;
      } else if (text_.substr(at_).starts_with("//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }
  void skip_commas() {
    skip_space();
    while (take(',')) skip_space();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::string_view> find_objects(std::string_view text) {
  std::vector<std::string_view> objects;
  for (std::size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at)) {
    std::size_t end = closing_brace(text, at, true);
    if (end == std::string_view::npos) end = closing_brace(text, at, false);
    if (end == std::string_view::npos) {
      ++at;
      continue;
    }
    objects.push_back(text.substr(at, end + 1 - at));
    at = end + 1;
  }
  return objects;
}

bool is_object(std::string_view text, Leniency leniency) {
  const auto parsed = codec::parse_json(text);
  if (parsed) return parsed->is_object();
  return leniency == Leniency::kMended && LenientReader(text).reads_object();
}

}  // namespace rage::guardrails
