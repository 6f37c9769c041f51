#include "text/wordpiece.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "text/detail/bert_characters.h"
#include "text/detail/id_sink.h"
#include "text/detail/wordpiece_vocabulary.h"
#include "text/unicode.h"

namespace rage::text {
namespace {

using detail::BertCharacter;
using detail::BertCharacters;
using detail::BertKind;
using detail::BertPart;
using detail::IdSink;
using detail::WordPieceVocabulary;

constexpr std::size_t kCharacterBytesMax = 16;
constexpr std::size_t kWordCharactersMax = 10000;

enum class AsciiKind : std::uint8_t { kRemoved, kSpace, kPunctuation, kWord, kMaybeSpecial };

struct SpecialToken {
  std::string text;
  std::int32_t id = 0;
};

// What every call shares.
struct Model {
  WordPieceVocabulary vocabulary;
  BertCharacters characters;
  std::size_t word_characters_max = 100;
  std::int32_t unknown = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;
  std::vector<SpecialToken> special = {};  // The longest first.
  std::array<AsciiKind, 128> ascii{};
  std::array<char, 128> ascii_lower{};
  std::array<std::int32_t, 128> ascii_id{};  // Of punctuation.
};

// Reads one text until the sink is full. Linear: a word that is too long is known
// to be [UNK] at its first character too many, and nothing of it is kept.
class WordPieceReader {
 public:
  WordPieceReader(const Model& model, std::string_view text, IdSink& sink)
      : model_(model),
        text_(text),
        sink_(sink),
        word_((model.word_characters_max + 1) * 4 + kCharacterBytesMax) {}

  void run() {
    std::size_t at = 0;
    while (at < text_.size() && !sink_.is_full()) {
      const auto byte = static_cast<unsigned char>(text_[at]);
      if (byte >= 0x80) {
        read_wide(at);
        continue;
      }
      switch (model_.ascii[byte]) {
        case AsciiKind::kWord:
          push(model_.ascii_lower[byte]);
          ++at;
          break;
        case AsciiKind::kSpace:
          end_word();
          ++at;
          break;
        case AsciiKind::kPunctuation:
          end_word();
          sink_.add(model_.ascii_id[byte]);
          ++at;
          break;
        case AsciiKind::kRemoved:
          ++at;
          break;
        case AsciiKind::kMaybeSpecial:
          if (!read_special(at)) read_wide(at);
          break;
      }
    }
    if (!sink_.is_full()) end_word();
  }

 private:
  // A mark that still may have to move: canonical ordering (Unicode 3.11, D108 and D109).
  struct Mark {
    std::size_t offset = 0;
    std::uint8_t combining_class = 0;
  };

  void push(char byte) {
    marks_.clear();
    if (!begin_character()) return;
    word_[word_size_++] = byte;
  }

  // False if the word is too long to be anything but [UNK].
  bool begin_character() {
    ++word_characters_;
    if (word_characters_ <= model_.word_characters_max) return true;
    if (word_characters_ == model_.word_characters_max + 1) sink_.add(model_.unknown);
    return false;
  }

  bool read_special(std::size_t& at) {
    const std::string_view rest = text_.substr(at);
    for (const SpecialToken& token : model_.special) {
      if (!rest.starts_with(token.text)) continue;
      end_word();
      sink_.add(token.id);
      at += token.text.size();
      return true;
    }
    return false;
  }

  void read_wide(std::size_t& at) {
    const char32_t code_point = next_code_point(text_, at);
    std::array<char, kCharacterBytesMax> scratch;
    const BertCharacter character = model_.characters.look_up(code_point, scratch);
    switch (character.kind) {
      case BertKind::kRemoved:
        break;
      case BertKind::kSpace:
        end_word();
        break;
      case BertKind::kIsolated:
        end_word();
        emit_isolated(character.bytes);
        break;
      case BertKind::kWord:
        push_bytes(character);
        break;
      case BertKind::kComposed:
        push_parts(code_point);
        break;
    }
  }

  void push_bytes(const BertCharacter& character) {
    if (character.characters == 0) return;
    marks_.clear();
    const std::size_t before = word_size_;
    for (std::size_t i = 0; i < character.characters; ++i) {
      if (!begin_character()) return;
    }
    std::memcpy(word_.data() + before, character.bytes.data(), character.bytes.size());
    word_size_ = before + character.bytes.size();
  }

  void push_parts(char32_t code_point) {
    BertCharacters::Parts parts;
    const std::size_t count = model_.characters.normalize(code_point, parts);
    for (std::size_t i = 0; i < count; ++i) {
      const BertPart& part = parts[i];
      if (part.combining_class == 0) marks_.clear();
      if (part.is_dropped) continue;
      std::string bytes;
      append_utf8(bytes, part.code_point);
      if (part.is_punctuation) {
        end_word();
        emit_isolated(bytes);
      } else if (begin_character()) {
        insert_mark(bytes, part.combining_class);
      }
    }
  }

  // At the end, before the marks of a higher class.
  void insert_mark(std::string_view bytes, std::uint8_t combining_class) {
    std::size_t index = marks_.size();
    if (combining_class != 0) {
      while (index > 0 && marks_[index - 1].combining_class > combining_class) --index;
    }
    const std::size_t offset = index < marks_.size() ? marks_[index].offset : word_size_;
    char* const place = word_.data() + offset;
    std::memmove(place + bytes.size(), place, word_size_ - offset);
    std::memcpy(place, bytes.data(), bytes.size());
    word_size_ += bytes.size();
    if (combining_class == 0) return;
    marks_.insert(marks_.begin() + static_cast<std::ptrdiff_t>(index),
                  Mark{.offset = offset, .combining_class = combining_class});
    for (std::size_t i = index + 1; i < marks_.size(); ++i) marks_[i].offset += bytes.size();
  }

  void emit_isolated(std::string_view bytes) {
    const std::int32_t id = model_.vocabulary.find(bytes);
    sink_.add(id >= 0 ? id : model_.unknown);
  }

  void end_word() {
    marks_.clear();
    const std::string_view word(word_.data(), word_size_);
    const bool too_long = word_characters_ > model_.word_characters_max;
    word_size_ = 0;
    word_characters_ = 0;
    if (word.empty() || too_long) return;
    const std::size_t before = sink_.count;
    auto place = WordPieceVocabulary::Place::kStart;
    for (std::size_t at = 0; at < word.size();) {
      const auto match = model_.vocabulary.longest_prefix(word.substr(at), place);
      if (match.id < 0) {  // One piece is unknown: so is the word.
        sink_.take_back(before);
        sink_.add(model_.unknown);
        return;
      }
      sink_.add(match.id);
      at += match.bytes;
      place = WordPieceVocabulary::Place::kInside;
    }
  }

  const Model& model_;
  std::string_view text_;
  IdSink& sink_;
  std::vector<char> word_;
  std::size_t word_size_ = 0;
  std::size_t word_characters_ = 0;
  std::vector<Mark> marks_;
};

class TableTokenizer final : public WordPieceTokenizer {
 public:
  explicit TableTokenizer(Model model) : model_(std::move(model)) {}

  std::vector<std::int32_t> encode(std::string_view text, std::size_t tokens_max) const override {
    const auto read = [&](IdSink& sink) { WordPieceReader(model_, text, sink).run(); };
    return detail::encode_between(model_.first, model_.last, text, tokens_max, read);
  }

  std::size_t count(std::string_view text) const override {
    IdSink sink;
    WordPieceReader(model_, text, sink).run();
    return sink.count;
  }

  std::size_t vocabulary_size() const override { return model_.vocabulary.size(); }

 private:
  const Model model_;
};

void fill_ascii_tables(Model& model) {
  std::array<char, 16> scratch;
  for (unsigned c = 0; c < 128; ++c) {
    const BertCharacter character = model.characters.look_up(c, scratch);
    switch (character.kind) {
      case BertKind::kSpace:
        model.ascii[c] = AsciiKind::kSpace;
        break;
      case BertKind::kIsolated: {
        model.ascii[c] = AsciiKind::kPunctuation;
        const std::int32_t id = model.vocabulary.find(character.bytes);
        model.ascii_id[c] = id >= 0 ? id : model.unknown;
        break;
      }
      case BertKind::kWord:
        model.ascii[c] = AsciiKind::kWord;
        model.ascii_lower[c] = character.bytes[0];
        break;
      case BertKind::kRemoved:
      case BertKind::kComposed:
        model.ascii[c] = AsciiKind::kRemoved;
        break;
    }
  }
  for (const SpecialToken& token : model.special) {
    model.ascii[static_cast<unsigned char>(token.text[0])] = AsciiKind::kMaybeSpecial;
  }
}

Result<void> check_vocabulary(const std::vector<std::string>& vocabulary,
                              const WordPieceOptions& options) {
  for (const std::string& token : vocabulary) {
    if (token.size() > WordPieceVocabulary::kTokenBytesMax) {
      return fail(ErrorCode::kInvalidArgument, "a token of the vocabulary has {} bytes",
                  token.size());
    }
  }
  for (const std::string& token : options.special_tokens) {
    if (token.empty() || static_cast<unsigned char>(token[0]) >= 0x80) {
      return fail(ErrorCode::kInvalidArgument, "a special token must begin with ASCII");
    }
  }
  if (options.word_characters_max < 1 || options.word_characters_max > kWordCharactersMax) {
    return fail(ErrorCode::kInvalidArgument, "a word may have 1 to {} characters, not {}",
                kWordCharactersMax, options.word_characters_max);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<WordPieceTokenizer>> WordPieceTokenizer::create(
    std::vector<std::string> vocabulary, const WordPieceOptions& options) {
  RETURN_IF_ERROR(check_vocabulary(vocabulary, options));
  Model model{.vocabulary = WordPieceVocabulary(vocabulary),
              .characters = BertCharacters({.lower_case = options.lower_case,
                                            .strip_accents = options.strip_accents,
                                            .split_cjk = options.split_cjk}),
              .word_characters_max = options.word_characters_max};
  const std::pair<std::int32_t*, std::string_view> required[] = {
      {&model.unknown, options.unknown_token},
      {&model.first, options.first_token},
      {&model.last, options.last_token}};
  for (const auto& [id, token] : required) {
    *id = model.vocabulary.find(token);
    if (*id < 0) {
      return fail(ErrorCode::kInvalidArgument, "the vocabulary has no \"{}\"", token);
    }
  }
  for (const std::string& token : options.special_tokens) {
    const std::int32_t id = model.vocabulary.find(token);
    if (id >= 0) model.special.push_back({.text = token, .id = id});
  }
  std::sort(model.special.begin(), model.special.end(),
            [](const auto& a, const auto& b) { return a.text.size() > b.text.size(); });
  fill_ascii_tables(model);
  return std::make_unique<TableTokenizer>(std::move(model));
}

}  // namespace rage::text
