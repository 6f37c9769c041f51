#include "text/sentencepiece.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "text/detail/added_tokens.h"
#include "text/detail/character_map.h"
#include "text/detail/graphemes.h"
#include "text/detail/id_sink.h"
#include "text/detail/unigram_path.h"
#include "text/unicode.h"

namespace rage::text {
namespace {

using detail::AddedTokens;
using detail::CharacterMap;
using detail::IdSink;
using detail::PieceTrie;
using detail::UnigramPath;
using detail::UnigramPieces;

constexpr std::size_t kPiecesMax = std::size_t{1} << 20U;
constexpr std::size_t kPieceBytesMax = 256;
constexpr std::size_t kAllPiecesBytesMax = std::size_t{16} << 20U;
constexpr std::size_t kAddedTokensMax = 1024;
constexpr std::size_t kNormalizedBytesMin = 4096;  // Before it is cut into words.
constexpr double kUnknownPenalty = 10;

// What every call shares.
struct Shared {
  UnigramModel options = {};  // Its pieces and characters moved into the next ones.
  CharacterMap characters;
  AddedTokens added;
  AddedTokens added_normalized;
  UnigramPieces pieces;
  std::size_t vocabulary_size = 0;
};

// Reads one text: added tokens, and between them graphemes, normalised text, words, pieces. Each
// step works on what the one before it has so far, so that reading can end once the sink is full.
class UnigramReader {
 public:
  UnigramReader(const Shared& shared, std::string_view text, IdSink& sink)
      : shared_(shared), text_(text), sink_(sink), path_(shared.pieces, sink) {}

  void run() {
    for (std::size_t at = 0; at < text_.size() && !sink_.is_full();) {
      const auto match = shared_.added.find(text_, at);
      read_between(text_.substr(at, (match ? match->begin : text_.size()) - at));
      if (!match) return;
      sink_.add(match->id);
      at = match->end;
    }
  }

 private:
  void read_between(std::string_view text) {
    normalized_.clear();
    held_ = 0;
    at_begin_ = true;
    // An added token may be anywhere in what is normalised, so that is then looked at as a whole.
    const bool in_parts = shared_.added_normalized.empty();
    for (std::size_t at = 0; at < text.size() && !sink_.is_full();) {
      normalize_next(text, at);
      if (in_parts && normalized_.size() >= 2 * held_ + kNormalizedBytesMin) read_normalized();
    }
    read_last_normalized();
  }

  void normalize_next(std::string_view text, std::size_t& at) {
    const auto is_ascii = [&](std::size_t i) {
      return i >= text.size() || static_cast<unsigned char>(text[i]) < 0x80;
    };
    if (is_ascii(at) && is_ascii(at + 1) && shared_.characters.keeps(text[at])) {
      normalized_ += text[at++];
      return;
    }
    grapheme_.clear();
    detail::read_grapheme(text, at, grapheme_);
    shared_.characters.append_replaced(grapheme_, normalized_);
  }

  // White space at the end is held back: what it becomes depends on what follows.
  void read_normalized() {
    const std::size_t end = detail::white_space_begin(normalized_, 0);
    read_stripped(std::string_view(normalized_).substr(0, end));
    normalized_.erase(0, end);
    held_ = normalized_.size();
  }

  void read_last_normalized() {
    std::string_view text = normalized_;
    if (shared_.options.strip_right) text = text.substr(0, detail::white_space_begin(text, 0));
    read_stripped(text);
    end_words();
  }

  void read_stripped(std::string_view text) {
    if (at_begin_ && shared_.options.strip_left) {
      std::size_t next = 0;
      while (next < text.size() && is_white_space(next_code_point(text, next))) {
        text.remove_prefix(next);
        next = 0;
      }
    }
    if (text.empty()) return;
    at_begin_ = false;
    read_added_normalized(replace_spaces(text));
  }

  // Two and more spaces in a row.
  std::string_view replace_spaces(std::string_view text) {
    if (shared_.options.spaces_become.empty()) return text;
    spaced_.clear();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = std::min(text.find("  ", at), text.size());
      spaced_ += text.substr(at, begin - at);
      if (begin == text.size()) break;
      at = std::min(text.find_first_not_of(' ', begin), text.size());
      spaced_ += shared_.options.spaces_become;
    }
    return spaced_;
  }

  void read_added_normalized(std::string_view text) {
    for (std::size_t at = 0; at < text.size() && !sink_.is_full();) {
      const auto match = shared_.added_normalized.find(text, at);
      read_words(text.substr(at, (match ? match->begin : text.size()) - at));
      if (!match) return;
      end_words();
      sink_.add(match->id);
      at = match->end;
    }
  }

  // Every word begins with kWordBegin, its own or one that we put there.
  void read_words(std::string_view text) {
    for (std::size_t at = 0; at < text.size() && !sink_.is_full();) {
      const std::size_t begin = at;
      const char32_t code_point = next_code_point(text, at);
      const std::string_view character = text.substr(begin, at - begin);
      if (shared_.options.split_at_white_space && is_white_space(code_point)) {
        end_words();
      } else if (code_point == U' ' || character == kWordBegin) {
        path_.end_word();
        path_.push(kWordBegin);
        in_words_ = true;
      } else {
        if (!in_words_) path_.push(kWordBegin);
        path_.push(character);
        in_words_ = true;
      }
    }
  }

  void end_words() {
    path_.end_word();
    in_words_ = false;
  }

  const Shared& shared_;
  std::string_view text_;
  IdSink& sink_;
  UnigramPath path_;
  std::string grapheme_;
  std::string normalized_;
  std::string spaced_;
  std::size_t held_ = 0;   // Bytes of normalized_ that were looked at before.
  bool at_begin_ = true;   // Nothing but white space so far.
  bool in_words_ = false;  // What comes next continues a word, or begins one by itself.
};

class UnigramTokenizer final : public Tokenizer {
 public:
  explicit UnigramTokenizer(Shared shared) : shared_(std::move(shared)) {}

  std::vector<std::int32_t> encode(std::string_view text, std::size_t tokens_max) const override {
    const auto read = [&](IdSink& sink) { UnigramReader(shared_, text, sink).run(); };
    return detail::encode_between(shared_.options.first, shared_.options.last, text, tokens_max,
                                  read);
  }

  std::size_t count(std::string_view text) const override {
    IdSink sink;
    UnigramReader(shared_, text, sink).run();
    return sink.count;
  }

  std::size_t vocabulary_size() const override { return shared_.vocabulary_size; }

 private:
  const Shared shared_;
};

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorCode::kDataLoss, "the tokenizer's model has {}", what);
}

std::unexpected<Error> too_large(std::string_view what) {
  return fail(ErrorCode::kResourceExhausted, "the tokenizer's model has {}", what);
}

Result<void> check_pieces(const std::vector<UnigramPiece>& pieces) {
  if (pieces.empty()) return damaged("no pieces");
  if (pieces.size() > kPiecesMax) return too_large("too many pieces");
  std::size_t bytes = 0;
  for (const UnigramPiece& piece : pieces) {
    if (piece.text.size() > kPieceBytesMax) return too_large("a piece that is too long");
    if (!is_valid_utf8(piece.text)) return damaged("a piece that is not UTF-8");
    if (!std::isfinite(piece.score)) return damaged("a score that is no number");
    bytes += piece.text.size();
  }
  if (bytes > kAllPiecesBytesMax) return too_large("pieces that are too long together");
  return {};
}

Result<void> check_ids(const UnigramModel& model) {
  const auto is_piece = [&](std::int32_t id) {
    return id >= 0 && static_cast<std::size_t>(id) < model.pieces.size();
  };
  if (!is_piece(model.unknown)) return damaged("an id of the unknown piece that is none");
  if (model.added.size() > kAddedTokensMax) return too_large("too many added tokens");
  const auto is_id = [](std::int32_t id) {
    return id >= 0 && static_cast<std::size_t>(id) < kPiecesMax;
  };
  if (!is_id(model.first) || !is_id(model.last)) return damaged("a special token without an id");
  for (const AddedToken& token : model.added) {
    if (token.text.empty() || token.text.size() > kPieceBytesMax || !is_valid_utf8(token.text) ||
        !is_id(token.id)) {
      return damaged("an added token that is none");
    }
  }
  return {};
}

std::string replaced(const CharacterMap& characters, std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::string grapheme;
    detail::read_grapheme(text, at, grapheme);
    characters.append_replaced(grapheme, out);
  }
  return out;
}

UnigramPieces build_pieces(const UnigramModel& model) {
  std::vector<std::string_view> texts;
  std::vector<double> scores;
  for (const UnigramPiece& piece : model.pieces) {
    texts.push_back(piece.text);
    scores.push_back(piece.score);
  }
  const double unknown_score = *std::ranges::min_element(scores) - kUnknownPenalty;
  return {.trie = PieceTrie(texts),
          .scores = std::move(scores),
          .unknown = model.unknown,
          .unknown_score = unknown_score};
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> create_unigram_tokenizer(UnigramModel model) {
  RETURN_IF_ERROR(check_pieces(model.pieces));
  RETURN_IF_ERROR(check_ids(model));
  CharacterMap characters;
  if (!model.character_map.empty()) {
    ASSIGN_OR_RETURN(characters, CharacterMap::parse(model.character_map));
  }
  std::size_t size = model.pieces.size();
  std::vector<AddedToken> as_written;
  std::vector<AddedToken> normalized;
  const auto raise = [&](std::int32_t id) {
    size = std::max(size, static_cast<std::size_t>(id) + 1);
  };
  raise(model.first);
  raise(model.last);
  for (AddedToken& token : model.added) {
    raise(token.id);
    if (token.normalized) {  // Sought as what the text around it becomes.
      token.text = replaced(characters, token.text);
      if (token.text.empty()) return damaged("an added token that nothing is left of");
    }
    (token.normalized ? normalized : as_written).push_back(std::move(token));
  }
  Shared shared{.characters = std::move(characters),
                .added = AddedTokens(std::move(as_written)),
                .added_normalized = AddedTokens(std::move(normalized)),
                .pieces = build_pieces(model),
                .vocabulary_size = size};
  model.pieces.clear();
  model.character_map.clear();
  shared.options = std::move(model);
  return std::make_unique<UnigramTokenizer>(std::move(shared));
}

}  // namespace rage::text
