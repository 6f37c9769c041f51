#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "operator/detail/serving_shell.h"

namespace rage::op::detail {
namespace {

constexpr std::string_view kShell = "/bin/sh";

bool is_plain(char c) {
  return is_ascii_alpha(c) || is_ascii_digit(c) || std::string_view("_@%+=:,./-").contains(c);
}

// Where the quoted or escaped part that begins at `from` ends; `from` + 1 for any other character.
std::size_t end_of_unit(std::string_view script, std::size_t from) {
  const char c = script[from];
  if (c == '\\') return std::min(from + 2, script.size());
  if (c != '\'' && c != '"') return from + 1;
  std::size_t at = from + 1;
  while (at < script.size() && script[at] != c) at += c == '"' && script[at] == '\\' ? 2 : 1;
  return std::min(at + 1, script.size());
}

// Words as written, quotes included; an unquoted ';' is a word.
std::vector<std::string> script_words(std::string_view script) {
  std::vector<std::string> words;
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) words.push_back(std::exchange(word, {}));
  };
  for (std::size_t at = 0; at < script.size();) {
    const std::size_t end = end_of_unit(script, at);
    if (is_ascii_space(script[at])) {
      flush();
    } else if (script[at] == ';') {
      flush();
      words.emplace_back(";");
    } else {
      word += script.substr(at, end - at);
    }
    at = end;
  }
  flush();
  return words;
}

std::vector<std::string> command_words(const Json& command) {
  std::vector<std::string> words;
  if (!command.is_array()) return words;
  for (const Json& part : command) {
    if (!part.is_string()) return {};
    words.push_back(part.get<std::string>());
  }
  if (words.size() == 3 && words[0] == kShell && words[1] == "-c") return script_words(words[2]);
  for (std::string& word : words) word = shell_word(word);
  return words;
}

std::vector<std::string> canonical_words(const Json& command) {
  std::vector<std::string> words = command_words(command);
  const auto is_flag = [](const std::string& word) { return word.starts_with("--"); };
  for (auto from = words.begin(); from != words.end();) {
    from = std::find_if(from, words.end(), is_flag);
    const auto end = std::find_if_not(from, words.end(), is_flag);
    std::for_each(from, end, [](std::string& word) {
      if (word.starts_with("--model=")) word = to_lower_ascii(word);
    });
    std::sort(from, end);
    from = end;
  }
  return words;
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

Json shell_command(std::string script) {
  return Json::array({kShell, "-c", std::move(script)});
}

bool same_command(const Json& left, const Json& right) {
  const std::vector<std::string> words = canonical_words(left);
  return !words.empty() && words == canonical_words(right);
}

}  // namespace rage::op::detail
