// The most likely way to cut a word into pieces: Viterbi over the ways through a trie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/detail/id_sink.h"
#include "text/detail/piece_trie.h"

namespace rage::text::detail {

// What every call shares.
struct UnigramPieces {
  PieceTrie trie;
  std::vector<double> scores;
  std::int32_t unknown = 0;
  double unknown_score = 0;  // Of one code point that is no piece.
};

// One word at a time, in parts as they come. Linear in the text, times the longest piece. Of a very
// long word only the part is kept whose pieces the text to come could still change.
class UnigramPath final {
 public:
  UnigramPath(const UnigramPieces& pieces, IdSink& sink);

  // Valid UTF-8, whole code points.
  void push(std::string_view bytes);
  void end_word();

 private:
  // How the best way to here ends. Not reached: no bytes.
  struct Step {
    double score = 0;
    std::int32_t id = -1;
    std::uint32_t bytes = 0;
  };

  void advance(std::size_t position_end);
  void offer(std::size_t from, std::size_t bytes, std::int32_t id, double score);
  std::size_t find_settled() const;
  void settle(std::size_t position);

  const UnigramPieces& pieces_;
  IdSink& sink_;
  std::string word_;
  std::vector<Step> steps_;     // By position in word_, one more than it has bytes.
  std::size_t position_ = 0;    // Ways that begin before it are known.
  std::size_t settle_at_;       // When position_ gets there, try to hand out what is settled.
  bool after_unknown_ = false;  // Unknown characters side by side are one token.
  std::vector<std::int32_t> backward_;
};

}  // namespace rage::text::detail
