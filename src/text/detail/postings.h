// Postings lists: for each term the rows that have it, ascending, with how often.
//
// Bytes of one list, a row after the other: varint(gap << 1 | once), then varint(frequency) unless
// `once` (it is 1). The gap is to the row before, the first row's to -1, so it is at least 1.
// Varints are LEB128. Most rows have a term once and near its neighbour: little more than one byte
// a posting.
//
// A list of at least kBlockRows rows is divided into blocks of that many; each knows where it ends
// and what its rows can score at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/detail/impacts.h"
#include "text/detail/term_dictionary.h"
#include "text/sparse_index.h"

namespace rage::text {

namespace detail {

struct Block {
  RowId last_row = 0;
  std::uint32_t end = 0;  // Bytes from the beginning of the list; lists over 4 GiB have no blocks.
  Impacts impacts;
};

}  // namespace detail

struct SparseSegment::Postings {
  detail::TermDictionary terms;
  std::vector<std::uint32_t> document_frequencies;  // By term.
  std::vector<std::uint64_t> ends;                  // By term: where its list ends in `bytes`.
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint64_t> block_ends;  // By term: where its blocks end in `blocks`.
  std::vector<detail::Block> blocks;      // Of all long lists; the last of a list is of it all.
  std::vector<std::uint32_t> lengths;     // By row.
  std::uint64_t terms_total = 0;
};

namespace detail {

constexpr std::size_t kBlockRows = 128;

// The blocks of a list; empty if it is short. The block of the whole list is left out.
inline std::span<const Block> blocks_of(const SparseSegment::Postings& postings,
                                        std::uint32_t term) {
  const std::uint64_t begin = term == 0 ? 0 : postings.block_ends[term - 1];
  const std::uint64_t end = postings.block_ends[term];
  if (begin == end) return {};
  return std::span(postings.blocks).subspan(begin, end - begin - 1);
}

// Reads one list. The bytes are our own: nothing is checked.
class PostingsReader final {
 public:
  PostingsReader(const SparseSegment::Postings& postings, std::uint32_t term)
      : begin_(postings.bytes.data() + (term == 0 ? 0 : postings.ends[term - 1])),
        at_(begin_),
        end_(postings.bytes.data() + postings.ends[term]) {}

  // False at the end of the list.
  bool next() {
    if (at_ == end_) return false;
    const std::uint64_t head = read_varint();
    row_ += static_cast<std::uint32_t>(head >> 1);
    frequency_ = (head & 1) != 0 ? 1 : static_cast<std::uint32_t>(read_varint());
    return true;
  }
  // The next row is the first after this block.
  void skip_past(const Block& block) {
    at_ = begin_ + block.end;
    row_ = block.last_row;
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

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  RowId row_ = 0xFFFFFFFF;  // One before row 0.
  std::uint32_t frequency_ = 0;
};

// Appends one list after the other. The rows' lengths are in `out` already.
class PostingsWriter final {
 public:
  explicit PostingsWriter(SparseSegment::Postings& out) : out_(out) {}

  void add(RowId row, std::uint32_t frequency) {
    const auto gap = static_cast<RowId>(row - row_before_);
    row_before_ = row;
    write_varint((std::uint64_t{gap} << 1) | (frequency == 1 ? 1 : 0));
    if (frequency != 1) write_varint(frequency);
    ++count_;
    block_.add(frequency, out_.lengths[row]);
    if (count_ % kBlockRows == 0) end_block();
  }
  std::uint32_t count() const { return count_; }
  // Terms are numbered in the order of their lists.
  void end_list() {
    if (count_ >= kBlockRows) {
      if (count_ % kBlockRows != 0) end_block();
      pending_.push_back({.last_row = row_before_, .end = 0, .impacts = whole_});
      if (out_.bytes.size() - begin_ <= 0xFFFFFFFF) {
        out_.blocks.insert(out_.blocks.end(), pending_.begin(), pending_.end());
      }
    }
    out_.block_ends.push_back(out_.blocks.size());
    out_.document_frequencies.push_back(count_);
    out_.ends.push_back(out_.bytes.size());
    begin_ = out_.bytes.size();
    row_before_ = 0xFFFFFFFF;
    count_ = 0;
    block_ = Impacts();
    whole_ = Impacts();
    pending_.clear();
  }

 private:
  void end_block() {
    whole_.add(block_);
    pending_.push_back({.last_row = row_before_,
                        .end = static_cast<std::uint32_t>(out_.bytes.size() - begin_),
                        .impacts = block_});
    block_ = Impacts();
  }
  void write_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      out_.bytes.push_back(static_cast<std::uint8_t>(value | 0x80));
    }
    out_.bytes.push_back(static_cast<std::uint8_t>(value));
  }

  SparseSegment::Postings& out_;
  std::vector<Block> pending_;  // Of the list at hand.
  Impacts block_;
  Impacts whole_;
  std::size_t begin_ = 0;  // Where the list at hand begins.
  RowId row_before_ = 0xFFFFFFFF;
  std::uint32_t count_ = 0;
};

}  // namespace detail
}  // namespace rage::text
