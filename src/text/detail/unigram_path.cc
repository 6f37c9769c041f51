#include "text/detail/unigram_path.h"

#include <algorithm>

#include "base/check.h"

namespace rage::text::detail {
namespace {

constexpr std::size_t kSettleAfterBytes = 4096;

std::size_t code_point_bytes(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

UnigramPath::UnigramPath(const UnigramPieces& pieces, IdSink& sink)
    : pieces_(pieces), sink_(sink), steps_(1), settle_at_(kSettleAfterBytes) {}

void UnigramPath::push(std::string_view bytes) {
  word_ += bytes;
  const std::size_t ahead = std::max<std::size_t>(pieces_.trie.piece_bytes_max(), 4);
  if (word_.size() < settle_at_ + ahead) return;
  advance(word_.size() - ahead);
  settle(find_settled());
  settle_at_ = 2 * position_ + kSettleAfterBytes;  // What stays is looked at again half as often.
}

void UnigramPath::end_word() {
  if (!word_.empty()) {
    advance(word_.size());
    settle(word_.size());
  }
  steps_.front() = {};
  settle_at_ = kSettleAfterBytes;
  after_unknown_ = false;
}

// Of equally good ways the one that was found first stays, as in `tokenizers`.
void UnigramPath::advance(std::size_t position_end) {
  steps_.resize(word_.size() + 1);
  while (position_ < position_end) {
    const std::size_t character = code_point_bytes(word_[position_]);
    bool is_known = false;
    PieceTrie::Node node = PieceTrie::kRoot;
    for (std::size_t at = position_; at < word_.size();) {
      node = pieces_.trie.child(node, word_[at++]);
      if (node == PieceTrie::kNone) break;
      const std::int32_t id = pieces_.trie.id(node);
      if (id < 0) continue;
      const std::size_t bytes = at - position_;
      offer(position_, bytes, id, pieces_.scores[static_cast<std::size_t>(id)]);
      is_known = is_known || bytes == character;
    }
    if (!is_known) offer(position_, character, pieces_.unknown, pieces_.unknown_score);
    position_ += character;
  }
}

void UnigramPath::offer(std::size_t from, std::size_t bytes, std::int32_t id, double score) {
  DCHECK(from + bytes < steps_.size());
  Step& step = steps_[from + bytes];
  const double total = steps_[from].score + score;
  if (step.bytes != 0 && total <= step.score) return;
  step = {.score = total, .id = id, .bytes = static_cast<std::uint32_t>(bytes)};
}

// The last position that every way goes through, which those to come can only continue: of all that
// may be continued, the farthest is followed back until one is left.
std::size_t UnigramPath::find_settled() const {
  std::vector<bool> open(steps_.size());
  std::size_t count = 1;
  open[position_] = true;
  std::size_t last = position_;
  for (std::size_t at = position_ + 1; at < steps_.size(); ++at) {
    if (steps_[at].bytes == 0) continue;
    open[at] = true;
    ++count;
    last = at;
  }
  for (; count > 1; --last) {
    if (!open[last]) continue;
    const std::size_t before = last - steps_[last].bytes;
    if (open[before]) --count;
    open[before] = true;
  }
  while (!open[last]) --last;
  return last;
}

// Hands out the pieces up to `position` and forgets them. Scores go on adding up, as in one piece.
void UnigramPath::settle(std::size_t position) {
  for (std::size_t at = position; at > 0; at -= steps_[at].bytes) {
    backward_.push_back(steps_[at].id);
  }
  for (; !backward_.empty(); backward_.pop_back()) {
    const bool is_unknown = backward_.back() == pieces_.unknown;
    if (!is_unknown || !after_unknown_) sink_.add(backward_.back());
    after_unknown_ = is_unknown;
  }
  word_.erase(0, position);
  steps_.erase(steps_.begin(), steps_.begin() + static_cast<std::ptrdiff_t>(position));
  steps_.front().bytes = 0;
  position_ -= position;
}

}  // namespace rage::text::detail
