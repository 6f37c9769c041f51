// Document-at-a-time over windows of rows: every list is read once, scores of one window stay in
// the cache, and no row costs anything unless a term occurs in it.
#include "text/detail/postings.h"
#include "text/detail/ranking.h"

namespace rage::text::detail {
namespace {

struct WindowCursor {
  PostingsReader reader;
  float weight = 0;
};

class WindowSearch {
 public:
  WindowSearch(const SegmentView& view, std::uint32_t segment, const std::vector<QueryTerm>& terms,
               const Saturation& saturation)
      : view_(view),
        postings_(view.segment->postings()),
        segment_(segment),
        saturation_(saturation) {
    for (const QueryTerm& term : terms) {
      const std::uint32_t number = postings_.terms.find(term.text);
      if (number == TermDictionary::kAbsent) continue;
      PostingsReader reader(postings_, number);
      if (reader.next()) cursors_.push_back({.reader = reader, .weight = term.weight});
    }
  }

  void run(std::vector<float>& scores, BestHits& best) {
    while (!cursors_.empty()) {
      RowId first = cursors_[0].reader.row();
      for (const WindowCursor& cursor : cursors_) first = std::min(first, cursor.reader.row());
      const std::size_t begin = first / kWindowRows * kWindowRows;
      const std::size_t end = std::min(begin + kWindowRows, postings_.lengths.size());
      add_scores(begin, end, scores);
      collect(begin, end, scores, best);
    }
  }

 private:
  // Lists that end are dropped; the order of the others stays, for the sums' sake.
  void add_scores(std::size_t begin, std::size_t end, std::vector<float>& scores) {
    std::size_t kept = 0;
    for (WindowCursor& cursor : cursors_) {
      PostingsReader reader = cursor.reader;
      bool more = true;
      while (more && reader.row() < end) {
        const RowId row = reader.row();
        scores[row - begin] +=
            saturation_(cursor.weight, reader.frequency(), postings_.lengths[row]);
        more = reader.next();
      }
      if (more) cursors_[kept++] = {.reader = reader, .weight = cursor.weight};
    }
    cursors_.erase(cursors_.begin() + static_cast<std::ptrdiff_t>(kept), cursors_.end());
  }

  // Leaves the window's scores at zero.
  void collect(std::size_t begin, std::size_t end, std::vector<float>& scores,
               BestHits& best) const {
    float floor = best.floor();
    for (std::size_t i = 0; i < end - begin; ++i) {
      const float score = std::exchange(scores[i], 0.0F);
      if (score <= floor) continue;
      const auto row = static_cast<RowId>(begin + i);
      if (!may_be_found(view_, row)) continue;
      best.offer({.segment = segment_, .row = row, .score = score});
      floor = best.floor();
    }
  }

  const SegmentView& view_;
  const SparseSegment::Postings& postings_;
  std::uint32_t segment_;
  const Saturation& saturation_;
  std::vector<WindowCursor> cursors_;
};

}  // namespace

void search_windows(const SegmentView& view, std::uint32_t segment,
                    const std::vector<QueryTerm>& terms, const Saturation& saturation,
                    std::vector<float>& scores, BestHits& best) {
  WindowSearch(view, segment, terms, saturation).run(scores, best);
}

}  // namespace rage::text::detail
