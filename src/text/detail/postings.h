// Postings lists: for each term the rows that have it, ascending, with how often.
//
// Bytes of one list, a row after the other: varint(gap << 1 | once), then varint(frequency) unless
// `once` (it is 1). The gap is to the row before, the first row's to -1, so it is at least 1.
// Varints are LEB128. Most rows have a term once and near its neighbour: little more than one byte
// a posting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "text/detail/term_dictionary.h"
#include "text/sparse_index.h"

namespace rage::text {

struct SparseSegment::Postings {
  detail::TermDictionary terms;
  std::vector<std::uint32_t> document_frequencies;  // By term.
  std::vector<std::uint64_t> ends;                  // By term: where its list ends in `bytes`.
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint32_t> lengths;  // By row.
  std::uint64_t terms_total = 0;
};

namespace detail {

// Reads one list. The bytes are our own: nothing is checked.
class PostingsReader final {
 public:
  PostingsReader(const SparseSegment::Postings& postings, std::uint32_t term)
      : at_(postings.bytes.data() + (term == 0 ? 0 : postings.ends[term - 1])),
        end_(postings.bytes.data() + postings.ends[term]) {}

  // False at the end of the list.
  bool next() {
    if (at_ == end_) return false;
    const std::uint64_t head = read_varint();
    row_ += static_cast<std::uint32_t>(head >> 1);
    frequency_ = (head & 1) != 0 ? 1 : static_cast<std::uint32_t>(read_varint());
    return true;
  }
  RowId row() const { return row_; }
  std::uint32_t frequency() const { return frequency_; }

 private:
  std::uint64_t read_varint() {
    std::uint64_t value = *at_++;
    if (value < 0x80) return value;
    value &= 0x7F;
    for (unsigned shift = 7;; shift += 7) {
      const std::uint64_t byte = *at_++;
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  RowId row_ = 0xFFFFFFFF;  // One before row 0.
  std::uint32_t frequency_ = 0;
};

// Appends one list after the other.
class PostingsWriter final {
 public:
  explicit PostingsWriter(SparseSegment::Postings& out) : out_(out) {}

  void add(RowId row, std::uint32_t frequency) {
    const auto gap = static_cast<RowId>(row - row_before_);
    row_before_ = row;
    write_varint((std::uint64_t{gap} << 1) | (frequency == 1 ? 1 : 0));
    if (frequency != 1) write_varint(frequency);
    ++count_;
  }
  std::uint32_t count() const { return count_; }
  // Terms are numbered in the order of their lists.
  void end_list() {
    out_.document_frequencies.push_back(count_);
    out_.ends.push_back(out_.bytes.size());
    row_before_ = 0xFFFFFFFF;
    count_ = 0;
  }

 private:
  void write_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      out_.bytes.push_back(static_cast<std::uint8_t>(value | 0x80));
    }
    out_.bytes.push_back(static_cast<std::uint8_t>(value));
  }

  SparseSegment::Postings& out_;
  RowId row_before_ = 0xFFFFFFFF;
  std::uint32_t count_ = 0;
};

}  // namespace detail
}  // namespace rage::text
