#include "text/sparse_index.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "base/check.h"
#include "text/detail/postings.h"

namespace rage::text {
namespace {

using detail::PostingsReader;
using detail::PostingsWriter;
using detail::TermDictionary;
using Postings = SparseSegment::Postings;

constexpr RowId kDropped = std::numeric_limits<RowId>::max();

struct TermCount {
  std::uint32_t term = 0;
  std::uint32_t count = 0;
};

void shrink_to_fit(Postings& postings) {
  postings.terms.shrink_to_fit();
  postings.document_frequencies.shrink_to_fit();
  postings.ends.shrink_to_fit();
  postings.bytes.shrink_to_fit();
  postings.block_ends.shrink_to_fit();
  postings.blocks.shrink_to_fit();
  postings.lengths.shrink_to_fit();
}

// The distinct terms of every row with their counts, one row after the other; `row_ends[r]` is
// where those of row r end.
std::vector<TermCount> count_terms(std::span<const std::vector<std::string>> rows, Postings& out,
                                   std::vector<std::uint64_t>& row_ends) {
  std::vector<TermCount> counts;
  std::vector<std::uint32_t> numbers;
  for (const auto& row : rows) {
    numbers.clear();
    for (const std::string& term : row) numbers.push_back(out.terms.insert(term));
    std::sort(numbers.begin(), numbers.end());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (i > 0 && numbers[i] == numbers[i - 1]) {
        ++counts.back().count;
      } else {
        counts.push_back({.term = numbers[i], .count = 1});
      }
    }
    row_ends.push_back(counts.size());
    out.lengths.push_back(static_cast<std::uint32_t>(row.size()));
    out.terms_total += row.size();
  }
  return counts;
}

// Where each row of a part lands in the merged segment; kDropped if it is deleted.
std::vector<RowId> place_rows(const Postings& part, const RowSet* deleted, Postings& out) {
  std::vector<RowId> places(part.lengths.size(), kDropped);
  for (std::size_t row = 0; row < places.size(); ++row) {
    if (deleted != nullptr && deleted->contains(static_cast<RowId>(row))) continue;
    places[row] = static_cast<RowId>(out.lengths.size());
    out.lengths.push_back(part.lengths[row]);
    out.terms_total += part.lengths[row];
  }
  return places;
}

}  // namespace

std::size_t RowSet::count() const {
  std::size_t count = 0;
  for (const std::uint64_t word : words_) count += static_cast<std::size_t>(std::popcount(word));
  return count;
}

SparseSegment::SparseSegment() {
  static const auto empty = std::make_shared<const Postings>();
  postings_ = empty;
}

SparseSegment::SparseSegment(std::shared_ptr<const Postings> postings)
    : postings_(std::move(postings)) {}

SparseSegment SparseSegment::build(std::span<const std::vector<std::string>> rows) {
  CHECK(rows.size() < kDropped);
  auto out = std::make_shared<Postings>();
  out->lengths.reserve(rows.size());
  std::vector<std::uint64_t> row_ends;
  row_ends.reserve(rows.size());
  const std::vector<TermCount> counts = count_terms(rows, *out, row_ends);

  // A counting sort by term; rows stay in order within one.
  struct RowCount {
    RowId row;
    std::uint32_t count;
  };
  std::vector<std::uint64_t> starts(out->terms.size() + 1, 0);
  for (const TermCount& entry : counts) ++starts[entry.term + 1];
  for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  std::vector<RowCount> sorted(counts.size());
  std::size_t at = 0;
  for (std::size_t row = 0; row < row_ends.size(); ++row) {
    for (; at < row_ends[row]; ++at) {
      sorted[starts[counts[at].term]++] = {.row = static_cast<RowId>(row),
                                           .count = counts[at].count};
    }
  }
  PostingsWriter writer(*out);
  at = 0;
  for (std::uint32_t term = 0; term < out->terms.size(); ++term) {
    for (; at < starts[term]; ++at) writer.add(sorted[at].row, sorted[at].count);
    writer.end_list();
  }
  shrink_to_fit(*out);
  return SparseSegment(std::move(out));
}

SparseSegment SparseSegment::merge(std::span<const SparseSegment* const> parts,
                                   std::span<const RowSet* const> deleted) {
  CHECK(parts.size() == deleted.size());
  auto out = std::make_shared<Postings>();
  std::vector<std::vector<RowId>> places;
  TermDictionary all;
  std::size_t rows = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Postings& part = parts[i]->postings();
    rows += part.lengths.size();
    CHECK(rows < kDropped);
    places.push_back(place_rows(part, deleted[i], *out));
    for (std::uint32_t term = 0; term < part.terms.size(); ++term)
      all.insert(part.terms.term(term));
  }
  PostingsWriter writer(*out);
  for (std::uint32_t number = 0; number < all.size(); ++number) {
    const std::string_view term = all.term(number);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Postings& part = parts[i]->postings();
      const std::uint32_t old = part.terms.find(term);
      if (old == TermDictionary::kAbsent) continue;
      for (PostingsReader reader(part, old); reader.next();) {
        const RowId place = places[i][reader.row()];
        if (place != kDropped) writer.add(place, reader.frequency());
      }
    }
    if (writer.count() == 0) continue;  // Only deleted rows had it.
    out->terms.insert(term);
    writer.end_list();
  }
  shrink_to_fit(*out);
  return SparseSegment(std::move(out));
}

std::size_t SparseSegment::rows() const {
  return postings_->lengths.size();
}

std::uint64_t SparseSegment::terms_total() const {
  return postings_->terms_total;
}

std::size_t SparseSegment::document_frequency(std::string_view term) const {
  const std::uint32_t number = postings_->terms.find(term);
  return number == TermDictionary::kAbsent ? 0 : postings_->document_frequencies[number];
}

std::uint32_t SparseSegment::length(RowId row) const {
  CHECK(row < postings_->lengths.size());
  return postings_->lengths[row];
}

std::size_t SparseSegment::bytes() const {
  return postings_->terms.bytes() + postings_->bytes.capacity() +
         postings_->document_frequencies.capacity() * sizeof(std::uint32_t) +
         postings_->ends.capacity() * sizeof(std::uint64_t) +
         postings_->block_ends.capacity() * sizeof(std::uint64_t) +
         postings_->blocks.capacity() * sizeof(detail::Block) +
         postings_->lengths.capacity() * sizeof(std::uint32_t);
}

}  // namespace rage::text
