#include "cli/site_link_note.h"

#include "base/sha256.h"
#include "base/strings.h"

namespace rage::cli {
namespace {

constexpr std::size_t kNoteBytesMax = 4096;
constexpr std::size_t kDigits = 8;

std::string scope_mark(const SiteScope& scope) {
  std::string text = scope.origin + "\n" + scope.prefix;
  for (const std::string& glob : scope.exclude) text += "\n-" + glob;
  for (const std::string& glob : scope.include) text += "\n+" + glob;
  return "scope://" + sha256_hex(text).substr(0, kDigits);
}

}  // namespace

std::string link_digest(std::string_view path_and_query) {
  return sha256_hex(path_and_query).substr(0, kDigits);
}

std::string render_link_note(const SiteScope& scope, const LinkNote& note) {
  std::string text = scope_mark(scope);
  if (!note.held.empty()) text += ' ';
  for (const std::string& digest : note.held) text += digest;
  for (const std::string& link : note.others) text.append(" ").append(link);
  return text.size() <= kNoteBytesMax ? text : std::string();
}

std::optional<LinkNote> parse_link_note(std::string_view text, const SiteScope& scope) {
  if (text.size() > kNoteBytesMax) return std::nullopt;
  const std::vector<std::string_view> words = split(text, ' ');
  if (words.front() != scope_mark(scope)) return std::nullopt;
  LinkNote note;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word.starts_with('/')) {
      note.others.emplace_back(word);
      continue;
    }
    if (i > 1 || word.empty() || word.size() % kDigits != 0) return std::nullopt;
    for (; !word.empty(); word.remove_prefix(kDigits)) {
      note.held.emplace_back(word.substr(0, kDigits));
    }
  }
  return note;
}

}  // namespace rage::cli
