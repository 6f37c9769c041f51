#include "rag/untrusted.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "text/sentences.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr std::string_view kOpen = "‹";
constexpr std::string_view kClose = "›";
constexpr std::string_view kLeftOut = "[…]";

bool is_hidden(char32_t c) {
  return c == 0xAD || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xE0000 && c <= 0xE0FFF) || (c < 0x20 && c != '\n' && c != '\t' && c != '\r');
}

std::string without_hidden_signs(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t from = at;
    const char32_t c = text::next_code_point(text, at);
    if (!is_hidden(c)) out += text.substr(from, at - from);
  }
  return out;
}

std::string_view word_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() &&
         (is_ascii_alpha(text[end]) || is_ascii_digit(text[end]) || text[end] == '_'))
    ++end;
  return text.substr(at, end - at);
}

// The name of the tag that begins at `at`, lower case, "/" in front of a closing one; else empty.
std::string tag_at(std::string_view text, std::size_t at) {
  if (text[at] != '<') return {};
  const bool closing = text.substr(at + 1, 1) == "/";
  const std::string name = to_lower_ascii(word_at(text, at + (closing ? 2 : 1)));
  static constexpr auto kTags = std::to_array<std::string_view>(
      {"a",      "img",   "script", "style",    "iframe",   "div",     "span",    "p",
       "br",     "svg",   "object", "embed",    "link",     "meta",    "form",    "input",
       "button", "video", "audio",  "base",     "template", "details", "summary", "font",
       "table",  "tr",    "td",     "noscript", "textarea", "marquee", "math",    "picture",
       "html",   "body",  "head",   "title"});
  if (std::ranges::find(kTags, name) == kTags.end()) return {};
  return closing ? "/" + name : name;
}

// Where the element that the tag opens is hidden: past its end; else past the tag.
std::size_t end_of_tag(std::string_view text, std::size_t at, const std::string& name) {
  std::size_t end = text.find('>', at);
  end = end == std::string_view::npos ? text.size() : end + 1;
  std::string attributes = to_lower_ascii(text.substr(at, end - at));
  std::erase(attributes, ' ');
  const bool hidden = name == "script" || name == "style" || name == "template" ||
                      attributes.find("display:none") != std::string::npos ||
                      attributes.find("visibility:hidden") != std::string::npos ||
                      attributes.find("font-size:0") != std::string::npos;
  if (!hidden) return end;
  const std::string rest = to_lower_ascii(text.substr(end));
  const std::size_t close = rest.find("</" + name);
  if (close == std::string::npos) return text.size();
  const std::size_t after = text.find('>', end + close);
  return after == std::string_view::npos ? text.size() : after + 1;
}

std::string without_html(std::string_view text) {
  if (text.find('<') == std::string_view::npos) return std::string(text);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with("<!--")) {
      const std::size_t end = text.find("-->", at);
      at = end == std::string_view::npos ? text.size() : end + 3;
    } else if (const std::string name = tag_at(text, at); !name.empty()) {
      at = end_of_tag(text, at, name);
    } else {
      out += text[at++];
    }
  }
  return out;
}

// "[text](address "title")" at `at`: its parts; `end` is 0 if it is none.
struct Link {
  std::string_view text;
  std::string_view address;
  std::size_t end = 0;
};
Link link_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kTextMax = 400;
  const std::size_t close = text.substr(0, std::min(text.size(), at + kTextMax)).find(']', at);
  if (close == std::string_view::npos || close + 1 >= text.size()) return {};
  const char opener = text[close + 1];
  if (opener != '(' && opener != '[') return {};
  const std::size_t end = text.find(opener == '(' ? ')' : ']', close + 1);
  if (end == std::string_view::npos) return {};
  std::string_view address = trim(text.substr(close + 2, end - close - 2));
  address = address.substr(0, address.find_first_of(" \t\n\""));
  return {text.substr(at + 1, close - at - 1), opener == '(' ? address : std::string_view{},
          end + 1};
}

// "[1]: https://..." alone on its line, which Markdown does not show.
bool is_reference(std::string_view line) {
  line = trim(line);
  const std::size_t close = line.find("]:");
  return line.starts_with('[') && close != std::string_view::npos &&
         line.substr(close).find("://") != std::string_view::npos;
}

std::string without_markdown_links(std::string_view text) {
  if (text.find('[') == std::string_view::npos) return std::string(text);
  std::string out;
  bool line_start = true;
  for (std::size_t at = 0; at < text.size();) {
    if (line_start && is_reference(text.substr(at, text.find('\n', at) - at))) {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    line_start = text[at] == '\n';
    const bool image = text.substr(at).starts_with("![");
    const Link link = image ? link_at(text, at + 1) : text[at] == '[' ? link_at(text, at) : Link{};
    if (link.end == 0) {
      out += text[at++];
      continue;
    }
    if (!image) {
      out += link.text;
      if (!safe_url(link.address).empty()) out += " (" + std::string(link.address) + ")";
    }
    at = link.end;
  }
  return out;
}

// A word in angle brackets that some chat template, or our own prompt, gives a meaning.
bool is_template_word(std::string_view word) {
  static constexpr auto kWords = std::to_array<std::string_view>(
      {"source", "sources", "s", "bos", "eos", "pad", "unk", "start_of_turn", "end_of_turn", "sys",
       "system", "user", "assistant", "human", "instructions", "start_header_id", "end_header_id"});
  const std::string lower = to_lower_ascii(word);
  return std::ranges::find(kWords, lower) != kWords.end();
}

// Bytes of what stands for "<" or "[" at `at` in front of a template's word; 0 if it is none.
std::size_t opener_at(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("<|")) return 2;
  if (rest.starts_with("<｜")) return 1 + std::string_view("｜").size();
  if (rest.empty() || rest[0] != '<') return 0;
  std::size_t next = 1;
  while (next < rest.size() && (rest[next] == ' ' || rest[next] == '/' || rest[next] == '<'))
    ++next;
  return is_template_word(word_at(rest, next)) ? 1 : 0;
}

std::size_t closer_at(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("|>")) return 2;
  return rest.starts_with("｜>") ? std::string_view("｜").size() + 1 : 0;
}

// "[INST]", "[/INST]", "[SYSTEM_PROMPT]"
bool is_bracketed_role(std::string_view rest) {
  if (!rest.starts_with('[')) return false;
  std::size_t at = rest.substr(1, 1) == "/" ? 2 : 1;
  const std::size_t from = at;
  while (at < rest.size() && ((rest[at] >= 'A' && rest[at] <= 'Z') || rest[at] == '_')) ++at;
  return at - from >= 4 && at < rest.size() && rest[at] == ']';
}

// Bytes of "System" in "System: ..." at the head of a line; 0 if it is none.
std::size_t role_at(std::string_view line) {
  const std::string_view word = word_at(line, 0);
  static constexpr auto kRoles = std::to_array<std::string_view>(
      {"system", "assistant", "user", "human", "developer", "tool", "ai"});
  const std::string lower = to_lower_ascii(word);
  const bool role = std::ranges::find(kRoles, lower) != kRoles.end();
  return role && line.substr(word.size(), 1) == ":" ? word.size() : 0;
}

std::string break_tokens(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t open = opener_at(text, at); open != 0) {
      out += kOpen;
      at += open;
    } else if (const std::size_t close = closer_at(text, at); close != 0) {
      out += kClose;
      at += close;
    } else {
      out += is_bracketed_role(text.substr(at)) ? '(' : text[at];
      ++at;
    }
  }
  return out;
}

// The text claims to be a turn of the conversation, or the end of our data.
bool speaks_as_another(std::string_view sentence) {
  static constexpr auto kSigns = std::to_array<std::string_view>(
      {"<|", "<｜", "[inst]", "[/inst]", "<<sys", "start_of_turn", "end_of_turn", "</s>",
       "</source", "</ source", "\"role\":", "### instruction", "### response", "### system"});
  const std::string lower = to_lower_ascii(sentence);
  if (std::ranges::any_of(
          kSigns, [&](std::string_view sign) { return lower.find(sign) != std::string::npos; }))
    return true;
  return std::ranges::any_of(split(lower, '\n'), [](std::string_view line) {
    line = trim(line);
    return line.starts_with("system:") || line.starts_with("assistant:");
  });
}

}  // namespace

std::string visible_text(std::string_view text) {
  return without_markdown_links(without_html(without_hidden_signs(text)));
}

std::string without_markers(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    std::string_view line = text.substr(at, end - at);
    const std::size_t head = std::min(line.find_first_not_of(" \t"), line.size());
    line.remove_prefix(head);
    if (line.starts_with('#'))
      line.remove_prefix(std::min(line.find_first_not_of("# "), line.size()));
    if (const std::size_t role = role_at(line); role != 0) {
      out += std::string(line.substr(0, role)) + " -";
      line.remove_prefix(role + 1);
    }
    out += break_tokens(line);
    at = end;
  }
  return out;
}

std::string trusted_text(std::string_view text, std::string_view left_out) {
  const std::string seen = visible_text(text);
  std::string out;
  std::size_t done = 0;
  bool poisoned = false;
  bool marked = false;
  for (const text::TextSpan& span : text::split_sentences(seen)) {
    const std::string_view gap = std::string_view(seen).substr(done, span.begin - done);
    const std::string_view sentence = span.of(seen);
    poisoned = poisoned && gap.find("\n\n") == std::string_view::npos;
    poisoned = poisoned || speaks_as_another(sentence);
    done = span.end;
    if (poisoned || is_instruction(sentence)) {
      if (!marked && !left_out.empty()) out += std::string(gap) + std::string(left_out);
      marked = true;
      continue;
    }
    out += std::string(gap) + std::string(sentence);
    marked = false;
  }
  return out;
}

std::string as_prompt_data(std::string_view text) {
  return without_markers(trusted_text(text, kLeftOut));
}

std::string inert(std::string_view text) {
  std::string out;
  const std::string plain = break_tokens(text);
  for (std::size_t at = 0; at < plain.size();) {
    const std::string_view rest = std::string_view(plain).substr(at);
    if (rest.starts_with("![")) {
      ++at;
      continue;
    }
    const bool tag = !tag_at(plain, at).empty() || rest.starts_with("<!--");
    const std::string head = to_lower_ascii(rest.substr(0, 12));
    const std::size_t scheme = head.starts_with("javascript:") ? 10
                               : head.starts_with("vbscript:") ? 8
                               : head.starts_with("data:text") ? 4
                                                               : 0;
    if (scheme != 0) {
      out += std::string(rest.substr(0, scheme)) + " ";
      at += scheme + 1;
      continue;
    }
    if (tag) {
      out += kOpen;
    } else {
      out += plain[at];
    }
    ++at;
  }
  return out;
}

std::string_view safe_url(std::string_view url) {
  const std::string head = to_lower_ascii(url.substr(0, 8));
  const bool safe = head.starts_with("http://") || head.starts_with("https://");
  return safe ? url : std::string_view{};
}

}  // namespace rage::rag
