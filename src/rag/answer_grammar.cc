#include "rag/answer_grammar.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "base/strings.h"
#include "rag/untrusted.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr std::size_t kCopiedBytesMax = 160;      // A longer address is not copied.
constexpr std::size_t kForeignShareInverse = 20;  // One letter in so many may be of another script.

// How sentences begin; a list marker or a name may begin one as well.
constexpr std::string_view kOpenings[] = {
    "A",     "According", "Address", "After", "All",  "Also", "An",    "And",  "At",    "Attendees",
    "Both",  "But",       "By",      "For",   "From", "He",   "If",    "In",   "It",    "Its",
    "No",    "On",        "One",     "She",   "So",   "Some", "That",  "The",  "Their", "There",
    "These", "They",      "This",    "To",    "Two",  "When", "While", "With", "Yes",   "You"};

// Everything but names, numbers and addresses: words in small letters, signs, breaks.
constexpr std::string_view kFrame =
    "root ::= [-*]? \" \"? quote? word (gap word)* sign? sign? sign? \"\\n\"?\n"
    "word ::= plain | copied possessive?\n"
    "plain ::= [a-z\u00df-\u00f6\u00f8-\u00ff] [a-z\u00df-\u00f6\u00f8-\u00ff'\u2019]*\n"
    "possessive ::= ['\u2019] \"s\"?\n"
    "gap ::= sign? sign? sign? [ \\n] \"\\n\"? [-*]? \" \"? quote? | [-/\u2010-\u2014]\n"
    "quote ::= [\"'(\u2018\u201c]\n"
    "sign ::= [-.,;:!?\"')\u2019\u201d\u2026\u2013\u2014]\n"
    "copied ::= ";

struct WordTree {
  std::map<char32_t, std::unique_ptr<WordTree>> next;
  bool ends = false;
};

void insert(WordTree& root, std::string_view word) {
  WordTree* node = &root;
  for (std::size_t at = 0; at < word.size();) {
    auto& next = node->next[text::next_code_point(word, at)];
    if (next == nullptr) next = std::make_unique<WordTree>();
    node = next.get();
  }
  node->ends = true;
}

void append_literal(std::string& out, char32_t code_point) {
  if (code_point == U'"' || code_point == U'\\') out += '\\';
  text::append_utf8(out, code_point);
}

// What follows `node`, as alternatives. A run without branches is one literal.
void render(const WordTree& node, std::string& out) {
  bool first = true;
  for (const auto& [head, child] : node.next) {
    if (!first) out += " | ";
    first = false;
    out += '"';
    append_literal(out, head);
    const WordTree* at = child.get();
    while (at->next.size() == 1 && !at->ends) {
      append_literal(out, at->next.begin()->first);
      at = at->next.begin()->second.get();
    }
    out += '"';
    if (at->next.empty()) continue;
    out += " (";
    render(*at, out);
    out += at->ends ? ")?" : ")";
  }
}

bool is_small_latin(char32_t c) {
  return (c >= U'a' && c <= U'z') || (c >= 0xDF && c <= 0xFF && c != 0xF7);
}
bool is_sign(char32_t c) {
  static constexpr std::u32string_view kSigns =
      U".,;:!?\"'()[]{}<>*_`|\u2018\u2019\u201c\u201d"
      U"\u2026\u2013\u2014\u2022";
  return kSigns.find(c) != std::u32string_view::npos;
}
bool is_foreign(char32_t c) {
  return c > 0x24F && (c < 0x2000 || c > 0x2BFF);
}

struct Words {
  std::set<std::string, std::less<>> copied;
  std::size_t letters = 0;
  std::size_t foreign = 0;
};

// "(Ballroom" is "Ballroom", "Mensah's" is "Mensah".
std::string_view bare(std::string_view word) {
  std::size_t begin = word.size();
  std::size_t end = 0;
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t start = at;
    if (is_sign(text::next_code_point(word, at))) continue;
    begin = std::min(begin, start);
    end = at;
  }
  if (begin >= end) return {};
  word = word.substr(begin, end - begin);
  for (const std::string_view possessive : {"'s", "’s"}) {
    if (word.ends_with(possessive)) word.remove_suffix(possessive.size());
  }
  return word;
}

bool is_address(std::string_view word) {
  return word.find("://") != std::string_view::npos || word.find('@') != std::string_view::npos;
}

void add_word(Words& words, std::string_view word) {
  bool plain = true;
  for (std::size_t at = 0; at < word.size();) {
    const char32_t c = text::next_code_point(word, at);
    plain = plain && (is_small_latin(c) || c == U'\'' || c == 0x2019);
    words.letters += 1;
    words.foreign += is_foreign(c) ? 1 : 0;
  }
  if (!plain && !word.empty() && word.size() <= kCopiedBytesMax) words.copied.emplace(word);
}

// A hyphenated or slashed word may be copied in parts; an address only whole.
void add_text(Words& words, std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    const std::string_view word = bare(text.substr(at, end - at));
    add_word(words, word);
    const std::size_t dash = word.find_first_of("-/");
    if (dash != std::string_view::npos && !is_address(word)) {
      for (std::size_t part = 0; part < word.size();) {
        const std::size_t stop = std::min(word.find_first_of("-/", part), word.size());
        add_word(words, bare(word.substr(part, stop - part)));
        part = stop + 1;
      }
    }
    at = end + 1;
  }
}

}  // namespace

std::optional<std::string> answer_grammar(const std::vector<RetrievedChunk>& sources,
                                          std::string_view question, const GrammarLimits& limits) {
  Words words;
  for (const RetrievedChunk& source : sources) add_text(words, as_prompt_data(source.chunk.text));
  add_text(words, without_markers(question));
  if (words.foreign * kForeignShareInverse > words.letters) return std::nullopt;
  for (const std::string_view opening : kOpenings) words.copied.emplace(opening);
  if (words.copied.size() > limits.words_max) return std::nullopt;
  WordTree root;
  for (const std::string& word : words.copied) insert(root, word);
  std::string grammar(kFrame);
  render(root, grammar);
  grammar += '\n';
  if (grammar.size() > limits.bytes_max) return std::nullopt;
  return grammar;
}

}  // namespace rage::rag
