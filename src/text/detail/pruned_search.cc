// MaxScore (Turtle and Flood 1995) with block maxima (Ding and Suel 2011; the interval test is that
// of Chakrabarti, Chaudhuri and Ganti, "Interval-based pruning for top-k processing over compressed
// lists", ICDE 2011).
//
// Terms are ordered by the most they can add. Those whose sum cannot lift a row over the floor are
// optional: their lists are only asked about rows that the others have. Where the blocks of the
// others say that nothing up to some row can pass, all of it is skipped.
#include "text/detail/postings.h"
#include "text/detail/ranking.h"

namespace rage::text::detail {
namespace {

constexpr RowId kEnd = 0xFFFFFFFF;
// Bounds are summed in another order than scores: floats may differ by this share.
constexpr double kSlack = 1.0 + 1e-5;

class PrunedCursor {
 public:
  PrunedCursor(const SparseSegment::Postings& postings, std::uint32_t term, float weight,
               const Saturation& saturation, std::size_t place)
      : reader_(postings, term),
        blocks_(blocks_of(postings, term)),
        weight_(weight),
        saturation_(&saturation),
        place_(place) {
    list_max_ = weight;
    if (!blocks_.empty()) {
      list_max_ = (&blocks_.back() + 1)->impacts.bound(weight, saturation);  // Of the whole list.
      bound_ = blocks_.front().impacts.bound(weight, saturation);
    }
    next();
  }

  RowId row() const { return row_; }
  float part(std::uint32_t length) const {
    return (*saturation_)(weight_, reader_.frequency(), length);
  }
  float list_max() const { return list_max_; }
  std::size_t place() const { return place_; }  // Among the query's terms.

  void next() { row_ = reader_.next() ? reader_.row() : kEnd; }

  // Afterwards row() >= target.
  void seek(RowId target) {
    if (row_ >= target) return;
    std::size_t skipped = read_blocks_;
    while (skipped < blocks_.size() && blocks_[skipped].last_row < target) ++skipped;
    if (skipped > read_blocks_ && blocks_[skipped - 1].last_row > row_) {
      reader_.skip_past(blocks_[skipped - 1]);
    }
    read_blocks_ = skipped;
    while (row_ < target) next();
  }

  // The most a row of [target, bound_end()] adds, without reading it. Targets rise.
  float bound_at(RowId target) {
    if (blocks_.empty()) return list_max_;
    const std::size_t before = bound_block_;
    while (bound_block_ < blocks_.size() && blocks_[bound_block_].last_row < target) {
      ++bound_block_;
    }
    if (bound_block_ == blocks_.size()) return 0;
    if (bound_block_ != before) bound_ = blocks_[bound_block_].impacts.bound(weight_, *saturation_);
    return bound_;
  }
  RowId bound_end() const {
    return bound_block_ < blocks_.size() ? blocks_[bound_block_].last_row : kEnd - 1;
  }

 private:
  PostingsReader reader_;
  std::span<const Block> blocks_;
  float weight_;
  const Saturation* saturation_;
  std::size_t place_;
  float list_max_ = 0;
  float bound_ = 0;              // Of bound_block_.
  std::size_t bound_block_ = 0;  // As far as bound_at() looked.
  std::size_t read_blocks_ = 0;  // Blocks known to lie before row().
  RowId row_ = 0;
};

class PrunedSearch {
 public:
  PrunedSearch(const SegmentView& view, std::uint32_t segment, const std::vector<QueryTerm>& terms,
               const Saturation& saturation, BestHits& best)
      : view_(view), postings_(view.segment->postings()), segment_(segment), best_(best) {
    for (std::size_t place = 0; place < terms.size(); ++place) {
      const std::uint32_t number = postings_.terms.find(terms[place].text);
      if (number == TermDictionary::kAbsent) continue;
      cursors_.emplace_back(postings_, number, terms[place].weight, saturation, place);
    }
    std::ranges::sort(cursors_, {}, [](const PrunedCursor& cursor) {
      return std::pair(cursor.list_max(), cursor.place());
    });
    optional_sums_.push_back(0);
    for (const PrunedCursor& cursor : cursors_) {
      optional_sums_.push_back(optional_sums_.back() + double{cursor.list_max()});
    }
    parts_.resize(terms.size());
  }

  void run() {
    raise_floor();
    while (optional_ < cursors_.size()) {
      const RowId row = next_row();
      if (row == kEnd) return;
      if (row > checked_to_) check_blocks(row);
      if (!can_pass(needed_bound_)) {
        if (checked_to_ >= kEnd - 1) return;
        for (std::size_t i = optional_; i < cursors_.size(); ++i) cursors_[i].seek(checked_to_ + 1);
        continue;
      }
      evaluate(row);
    }
  }

 private:
  bool can_pass(double bound) const { return bound * kSlack > double{floor_}; }

  // The floor rises, so more terms become optional.
  void raise_floor() {
    floor_ = best_.floor();
    const std::size_t before = optional_;
    while (optional_ < cursors_.size() && !can_pass(optional_sums_[optional_ + 1])) ++optional_;
    if (optional_ != before) checked_any_ = false;
  }

  RowId next_row() {
    RowId row = kEnd;
    for (std::size_t i = optional_; i < cursors_.size(); ++i)
      row = std::min(row, cursors_[i].row());
    if (!checked_any_) {
      checked_any_ = true;
      if (row != kEnd) check_blocks(row);
    }
    return row;
  }

  // The most that rows of [row, checked_to_] score.
  void check_blocks(RowId row) {
    needed_bound_ = optional_sums_[optional_];
    checked_to_ = kEnd - 1;
    for (std::size_t i = optional_; i < cursors_.size(); ++i) {
      needed_bound_ += double{cursors_[i].bound_at(row)};
      checked_to_ = std::min(checked_to_, cursors_[i].bound_end());
    }
  }

  void evaluate(RowId row) {
    const std::uint32_t length = postings_.lengths[row];
    double sum = 0;
    found_.clear();
    for (std::size_t i = optional_; i < cursors_.size(); ++i) {
      PrunedCursor& cursor = cursors_[i];
      if (cursor.row() != row) continue;
      sum += note(cursor, length);
      cursor.next();
    }
    if (add_optional(row, length, sum)) offer(row);
  }

  double note(const PrunedCursor& cursor, std::uint32_t length) {
    const float part = cursor.part(length);
    parts_[cursor.place()] = part;
    found_.push_back(cursor.place());
    return double{part};
  }

  // False as soon as the row cannot pass.
  bool add_optional(RowId row, std::uint32_t length, double sum) {
    for (std::size_t i = optional_; i-- > 0;) {
      if (!can_pass(sum + optional_sums_[i + 1])) return false;
      PrunedCursor& cursor = cursors_[i];
      if (!can_pass(sum + optional_sums_[i] + double{cursor.bound_at(row)})) return false;
      cursor.seek(row);
      if (cursor.row() == row) sum += note(cursor, length);
    }
    return can_pass(sum);
  }

  // Added in the order of the query's terms, as everywhere: the sum is the same to the last bit.
  void offer(RowId row) {
    std::ranges::sort(found_);
    float score = 0;
    for (const std::size_t place : found_) score += parts_[place];
    if (score <= floor_ || !may_be_found(view_, row)) return;
    best_.offer({.segment = segment_, .row = row, .score = score});
    raise_floor();
  }

  const SegmentView& view_;
  const SparseSegment::Postings& postings_;
  const std::uint32_t segment_;
  BestHits& best_;
  std::vector<PrunedCursor>
      cursors_;  // By list_max(), ascending; the first optional_ are optional.
  std::vector<double> optional_sums_;  // The most the first i terms add.
  std::size_t optional_ = 0;
  float floor_ = 0;
  double needed_bound_ = 0;
  RowId checked_to_ = 0;
  bool checked_any_ = false;
  std::vector<float> parts_;  // By place; of found_ only.
  std::vector<std::size_t> found_;
};

}  // namespace

void search_pruned(const SegmentView& view, std::uint32_t segment,
                   const std::vector<QueryTerm>& terms, const Saturation& saturation,
                   BestHits& best) {
  PrunedSearch(view, segment, terms, saturation, best).run();
}

}  // namespace rage::text::detail
