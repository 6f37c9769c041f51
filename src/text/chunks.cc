#include <algorithm>

#include "text/sentences.h"
#include "text/unicode.h"

namespace rage::text {
namespace {

// A word that no chunk can hold is cut every so many code points.
constexpr std::size_t kSliceCodePoints = 16;
// How far back overlap is looked for: a text of empty sentences must stay linear.
constexpr std::size_t kOverlapPiecesMax = 64;

// What is never cut further. A sentence is one piece unless it is too long for a chunk.
struct Piece {
  TextSpan span;
  std::size_t tokens = 0;
  std::size_t sentence_end = 0;   // Index past the last piece of its sentence.
  std::size_t paragraph_end = 0;  // Likewise of its paragraph.
  bool starts_sentence = false;
  bool starts_paragraph = false;
};

bool ends_phrase(char32_t c) {
  switch (c) {
    case ',':
    case ';':
    case ':':
    case 0x2013:  // En and em dash.
    case 0x2014:
    case 0x060C:  // Arabic comma and semicolon.
    case 0x061B:
      return true;
    default:
      return false;
  }
}

bool ends_phrase_without_space(char32_t c) {
  return c == 0x3001 || c == 0xFF0C || c == 0xFF1B || c == 0xFF1A;  // CJK comma, semicolon, colon.
}

// Spans without white space around them; a cut comes where `is_cut(previous, current)` says.
template <class IsCut>
std::vector<TextSpan> cut(std::string_view text, TextSpan span, IsCut is_cut) {
  std::vector<TextSpan> parts;
  TextSpan part{.begin = span.begin, .end = span.begin};
  char32_t previous = 0;
  for (std::size_t at = span.begin; at < span.end;) {
    const std::size_t begin = at;
    const char32_t current = next_code_point(text, at);
    if (is_cut(previous, current)) {
      if (part.begin < part.end) parts.push_back(part);
      part = {.begin = begin, .end = begin};
    }
    if (!is_white_space(current)) {
      if (part.begin == part.end) part.begin = begin;
      part.end = at;
    }
    previous = current;
  }
  if (part.begin < part.end) parts.push_back(part);
  return parts;
}

std::vector<TextSpan> cut_phrases(std::string_view text, TextSpan span) {
  return cut(text, span, [](char32_t previous, char32_t current) {
    return previous == '\n' || ends_phrase_without_space(previous) ||
           (ends_phrase(previous) && is_white_space(current));
  });
}

std::vector<TextSpan> cut_words(std::string_view text, TextSpan span) {
  return cut(text, span,
             [](char32_t previous, char32_t) { return previous != 0 && is_white_space(previous); });
}

std::vector<TextSpan> cut_slices(std::string_view text, TextSpan span, std::size_t code_points) {
  std::vector<TextSpan> parts;
  for (std::size_t at = span.begin; at < span.end;) {
    const std::size_t begin = at;
    for (std::size_t i = 0; i < code_points && at < span.end; ++i) next_code_point(text, at);
    parts.push_back({.begin = begin, .end = at});
  }
  return parts;
}

class Chunker {
 public:
  Chunker(std::string_view text, const ChunkOptions& options, const TokenCounter& count_tokens)
      : text_(text),
        tokens_max_(std::max<std::size_t>(options.tokens_max, 1)),
        overlap_max_(std::min(options.tokens_overlap, tokens_max_ / 2)),
        count_tokens_(count_tokens) {}

  std::vector<TextSpan> run() {
    const std::vector<TextSpan> sentences = split_sentences(text_);
    if (sentences.empty()) return {};
    const TextSpan whole{.begin = sentences.front().begin, .end = sentences.back().end};
    // Counting the whole is only worth it where it may fit.
    if (whole.end - whole.begin <= 16 * tokens_max_ && count(whole) <= tokens_max_) return {whole};
    for (std::size_t i = 0; i < sentences.size(); ++i) {
      const bool new_paragraph = i == 0 || has_blank_line(sentences[i - 1].end, sentences[i].begin);
      add_sentence(sentences[i], new_paragraph);
    }
    end_paragraph();
    sum_tokens();
    return pack();
  }

 private:
  std::size_t count(TextSpan span) const { return count_tokens_(span.of(text_)); }

  bool has_blank_line(std::size_t begin, std::size_t end) const {
    const std::string_view gap = text_.substr(begin, end - begin);
    return std::count(gap.begin(), gap.end(), '\n') >= 2;
  }

  void add_sentence(TextSpan sentence, bool new_paragraph) {
    if (new_paragraph) end_paragraph();
    const std::size_t first = pieces_.size();
    add_pieces(sentence, Level::kSentence);
    pieces_[first].starts_sentence = true;
    pieces_[first].starts_paragraph = new_paragraph;
    for (std::size_t i = first; i < pieces_.size(); ++i) pieces_[i].sentence_end = pieces_.size();
  }

  void end_paragraph() {
    for (; paragraph_begin_ < pieces_.size(); ++paragraph_begin_) {
      pieces_[paragraph_begin_].paragraph_end = pieces_.size();
    }
  }

  enum class Level { kSentence, kPhrase, kWord, kSlice, kCodePoint };

  // One piece if it fits, else the pieces of its parts.
  void add_pieces(TextSpan span, Level level) {
    const std::size_t tokens = count(span);
    if (tokens <= tokens_max_ || level == Level::kCodePoint) {
      pieces_.push_back({.span = span, .tokens = tokens});
      return;
    }
    std::vector<TextSpan> parts;
    Level next = Level::kCodePoint;
    switch (level) {
      case Level::kSentence:
        parts = cut_phrases(text_, span);
        next = Level::kPhrase;
        break;
      case Level::kPhrase:
        parts = cut_words(text_, span);
        next = Level::kWord;
        break;
      case Level::kWord:
        parts = cut_slices(text_, span, kSliceCodePoints);
        next = Level::kSlice;
        break;
      case Level::kSlice:
      case Level::kCodePoint:
        parts = cut_slices(text_, span, 1);
        break;
    }
    for (const TextSpan part : parts) add_pieces(part, next);
  }

  void sum_tokens() {
    tokens_before_.reserve(pieces_.size() + 1);
    tokens_before_.push_back(0);
    for (const Piece& piece : pieces_) {
      tokens_before_.push_back(tokens_before_.back() + piece.tokens);
    }
  }

  std::size_t tokens(std::size_t first, std::size_t last) const {
    return tokens_before_[last] - tokens_before_[first];
  }

  TextSpan span(std::size_t first, std::size_t last) const {
    return {.begin = pieces_[first].span.begin, .end = pieces_[last - 1].span.end};
  }

  std::vector<TextSpan> pack() const {
    std::vector<TextSpan> chunks;
    std::size_t chunk_begin = 0;  // First piece of the chunk before.
    for (std::size_t next = 0; next < pieces_.size();) {
      std::size_t begin = next == 0 ? 0 : overlap_begin(chunk_begin, next);
      next = trim_to_fit(begin, next, fill(begin, next));
      chunks.push_back(span(begin, next));
      chunk_begin = begin;
    }
    return chunks;
  }

  // The largest unit that begins at `at` and fits into a chunk: paragraph, sentence or piece.
  std::size_t unit_end(std::size_t at) const {
    const Piece& piece = pieces_[at];
    if (piece.starts_paragraph && tokens(at, piece.paragraph_end) <= tokens_max_) {
      return piece.paragraph_end;
    }
    if (piece.starts_sentence && tokens(at, piece.sentence_end) <= tokens_max_) {
      return piece.sentence_end;
    }
    return at + 1;
  }

  // Where the chunk [begin, ...) ends whose first new piece is `next`.
  std::size_t fill(std::size_t begin, std::size_t next) const {
    std::size_t end = unit_end(next);
    while (end < pieces_.size()) {
      const std::size_t used = tokens(begin, end);
      std::size_t unit = unit_end(end);
      // A heading alone is a poor chunk: rather cut the paragraph after it at a sentence.
      if (used + tokens(end, unit) > tokens_max_ && used * 4 < tokens_max_) {
        unit = std::min(unit, pieces_[end].sentence_end);
      }
      if (used + tokens(end, unit) > tokens_max_) break;
      end = unit;
    }
    return end;
  }

  // The first piece of the chunk whose first new piece is `next`: whole sentences before it, as
  // many as overlap_max_ allows and the new unit leaves room for, and never all of the chunk
  // before.
  std::size_t overlap_begin(std::size_t chunk_before, std::size_t next) const {
    const std::size_t unit = tokens(next, unit_end(next));
    const std::size_t room = std::min(overlap_max_, tokens_max_ - std::min(tokens_max_, unit));
    std::size_t begin = next;
    while (begin > chunk_before + 1 && next - begin < kOverlapPiecesMax) {
      const Piece& piece = pieces_[begin - 1];
      const bool whole = piece.starts_sentence && piece.sentence_end == begin;
      if (!whole || tokens(begin - 1, next) > room) break;
      --begin;
    }
    return begin;
  }

  // Counts need not add up (a cut word, a counter of bytes): drop pieces until the chunk fits.
  std::size_t trim_to_fit(std::size_t& begin, std::size_t next, std::size_t end) const {
    while (count(span(begin, end)) > tokens_max_) {
      if (begin < next) {
        begin = next;
      } else if (end > next + 1) {
        end -= std::max<std::size_t>(1, (end - next) / 16);
      } else {
        break;
      }
    }
    return end;
  }

  std::string_view text_;
  std::size_t tokens_max_;
  std::size_t overlap_max_;
  const TokenCounter& count_tokens_;
  std::vector<Piece> pieces_;
  std::size_t paragraph_begin_ = 0;
  std::vector<std::size_t> tokens_before_;  // Of the pieces before each.
};

}  // namespace

std::vector<TextSpan> split_into_chunks(std::string_view text, const ChunkOptions& options,
                                        const TokenCounter& count_tokens) {
  return Chunker(text, options, count_tokens).run();
}

}  // namespace rage::text
