// Which sentences give orders to an assistant: is_instruction().
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "rag/grounding_tokens.h"
#include "rag/untrusted.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr std::size_t kBase64Min = 24;    // Shorter runs are words and hashes.
constexpr std::size_t kReadBytes = 8192;  // Of one "sentence".
constexpr std::size_t kObjectWithin = 6;  // Words between "ignore" and what is to be ignored.

template <std::size_t kCount>
bool any_in(std::string_view text, const std::array<std::string_view, kCount>& parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

// Letters that look like a Latin one; 0 for others.
char latin_of(char32_t c) {
  constexpr std::u32string_view kAlike = U"аеорсхукмтвніјѕԁοαερνικτυχ";
  constexpr std::string_view kLatin = "aeopcxykmtbhijsdoaepviktux";
  static_assert(kAlike.size() == kLatin.size());
  const std::size_t at = kAlike.find(c);
  return at == std::u32string_view::npos ? '\0' : kLatin[at];
}

// Lower case, full width and look-alikes as ASCII, everything else as it is.
std::string plain_letters(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = text::next_code_point(text, at);
    if (c >= 0xFF01 && c <= 0xFF5E) c -= 0xFEE0;
    if (c == 0x3000) c = U' ';
    if (const char latin = latin_of(c); latin != '\0') c = static_cast<char32_t>(latin);
    text::append_utf8(out, c);
  }
  return to_lower_ascii(out);
}

// Words between single spaces, with one in front and one behind.
std::string spaced_words(std::string_view lower) {
  std::string out = " ";
  for (const char c : lower) {
    const bool word = is_ascii_alpha(c) || is_ascii_digit(c) || c == '\'' ||
                      (static_cast<unsigned char>(c) & 0x80U) != 0;
    if (word) {
      if (c != '\'') out += c;
    } else if (out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.back() != ' ') out += ' ';
  return out;
}

// "ignore ... the rules": the verb, and soon after it what an assistant was told.
bool discards_rules(const std::vector<std::string_view>& words) {
  static constexpr auto kVerbs = std::to_array<std::string_view>(
      {"ignore", "ignoring", "disregard", "forget", "override", "bypass"});
  static constexpr auto kObjects = std::to_array<std::string_view>(
      {"instruction", "instructions", "rule", "rules", "prompt", "prompts", "previous", "prior",
       "guidelines", "directions", "directives", "restrictions", "everything", "sources"});
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!is_one_of(words[i], kVerbs)) continue;
    for (std::size_t k = i + 1; k < words.size() && k <= i + kObjectWithin; ++k) {
      if (is_one_of(words[k], kObjects)) return true;
    }
  }
  return false;
}

// An imperative at the head of the sentence, or behind a colon or comma.
bool commands_speech(std::string_view words, const std::vector<std::string_view>& list) {
  static constexpr auto kHeads = std::to_array<std::string_view>(
      {" say that ", " tell the user ", " tell them ", " reply only ", " pretend ", " act as ",
       " reveal your ", " repeat the text ", " answer with ", " answer only ", " answer that ",
       " print your "});
  static constexpr auto kShort = std::to_array<std::string_view>({"print", "output", "say"});
  if (std::ranges::any_of(kHeads, [&](std::string_view head) { return words.starts_with(head); }))
    return true;
  return list.size() >= 2 && list.size() <= 3 && is_one_of(list.front(), kShort);
}

bool has_order(const std::string& lower) {
  static constexpr auto kPhrases = std::to_array<std::string_view>({" ignore all ",
                                                                    " ignore any ",
                                                                    " ignore the ",
                                                                    " ignore previous ",
                                                                    " ignore your ",
                                                                    " disregard ",
                                                                    " forget all ",
                                                                    " forget previous ",
                                                                    " you are now ",
                                                                    " system prompt ",
                                                                    " respond with ",
                                                                    " respond only ",
                                                                    " reply with ",
                                                                    " reply that ",
                                                                    " as an ai ",
                                                                    " from now on the ",
                                                                    " from now on you ",
                                                                    " system override ",
                                                                    " developer mode ",
                                                                    " new instructions for ",
                                                                    " no restrictions ",
                                                                    " ai assistant reading ",
                                                                    " note to the ai ",
                                                                    " answer is always ",
                                                                    " answer to every ",
                                                                    " answer to any ",
                                                                    " every answer ends ",
                                                                    " each reply ",
                                                                    " every reply ",
                                                                    " each answer ",
                                                                    " tell the user ",
                                                                    " do not mention ",
                                                                    " dont mention ",
                                                                    " are a language model ",
                                                                    " are an ai ",
                                                                    " are an llm ",
                                                                    " you must say ",
                                                                    " you must print ",
                                                                    " you must answer ",
                                                                    " you must reply ",
                                                                    " conversation so far ",
                                                                    " call the tool ",
                                                                    " do what it says ",
                                                                    " before you answer ",
                                                                    " to the user ",
                                                                    " the text above ",
                                                                    " instructions above ",
                                                                    " rules above "});
  const std::string words = spaced_words(lower);
  if (any_in(words, kPhrases)) return true;
  std::vector<std::string_view> list;
  for (const std::string_view word : split(words, ' ')) {
    if (!word.empty()) list.push_back(word);
  }
  return discards_rules(list) || commands_speech(words, list);
}

// Verb and object of "ignore the instructions" in other languages; stems, both needed.
bool has_foreign_order(std::string_view raw, std::string_view folded) {
  static constexpr auto kVerbs = std::to_array<std::string_view>(
      {"ignorier",  "vergiss",   "missacht", "ignorez",     "oublie",  "ignora",  "olvida",
       "dimentica", "ignore ",   "esquec",   "desconsider", "игнорир", "забуд",   "忽略",
       "无视",      "忘记",      "無視",     "忘れ",        "무시",    "잊",      "تجاهل",
       "yok say",   "gormezden", "zignoruj", "zapomnij",    "negeer",  "vergeet", "अनदेखा"});
  static constexpr auto kObjects = std::to_array<std::string_view>(
      {"anweisung", "instruktion", "regeln",   "instruc", "consigne", "istruzion", "regole",
       "reglas",    "regras",      "инструкц", "указан",  "правил",   "指令",      "指示",
       "规则",      "提示",        "命令",     "지시",    "명령",     "تعليمات",   "talimat",
       "kural",     "instrukc",    "polece",   "regels",  "निर्देश"});
  return (any_in(raw, kVerbs) || any_in(folded, kVerbs)) &&
         (any_in(raw, kObjects) || any_in(folded, kObjects));
}

// "1gn0re" in words that mix digits and letters.
std::string without_leet(std::string_view lower) {
  constexpr std::string_view kFrom = "013457@$";
  constexpr std::string_view kTo = "oieastas";
  std::string out(lower);
  for (char& c : out) {
    if (const std::size_t at = kFrom.find(c); at != std::string_view::npos) c = kTo[at];
  }
  return out;
}

// "i g n o r e": orders written with gaps, backwards, or turned by thirteen letters.
bool has_disguised_order(std::string_view lower) {
  static constexpr auto kTurned =
      std::to_array<std::string_view>({"vtaber ", "qvfertneq ", "vafgehpgvba", "flfgrz cebzcg",
                                       " erongi", "snoitcurtsni", "drageersid", "tpmorp metsys"});
  static constexpr auto kSqueezed = std::to_array<std::string_view>(
      {"ignoreallprevious", "ignoreprevious", "ignoretheprevious", "disregardallprevious",
       "forgetallprevious", "ignoreallinstructions", "ignoreyourinstructions"});
  if (any_in(lower, kTurned)) return true;
  std::string squeezed;
  for (const char c : lower) {
    if (is_ascii_alpha(c)) squeezed += c;
  }
  return any_in(squeezed, kSqueezed);
}

std::optional<unsigned> base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a' + 26);
  if (is_ascii_digit(c)) return static_cast<unsigned>(c - '0' + 52);
  if (c == '+' || c == '-') return 62U;
  if (c == '/' || c == '_') return 63U;
  return std::nullopt;
}

// RFC 4648, both alphabets, without padding.
std::string decode_base64(std::string_view run) {
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : run) {
    bits = (bits << 6U) | *base64_value(c);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xFFU);
  }
  return out;
}

bool has_encoded_order(std::string_view text) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && base64_value(text[i])) continue;
    if (i - begin >= kBase64Min &&
        has_order(to_lower_ascii(decode_base64(text.substr(begin, i - begin)))))
      return true;
    begin = i + 1;
  }
  return false;
}

}  // namespace

bool is_instruction(std::string_view sentence) {
  const std::string seen = visible_text(sentence.substr(0, kReadBytes));
  const std::string lower = plain_letters(seen);
  if (has_order(lower) || has_disguised_order(lower) || has_encoded_order(seen)) return true;
  const bool digits = std::ranges::any_of(lower, is_ascii_digit);
  if (digits && has_order(without_leet(lower))) return true;
  return has_foreign_order(to_lower_ascii(seen), fold_word(seen));
}

}  // namespace rage::rag
