// How much the rows of a stretch of a postings list can score at most, without reading them
// (block-max indexes: Ding and Suel, "Faster top-k document retrieval using block-max indexes",
// SIGIR 2011).
//
// A row's part of a score rises with the term's frequency and falls with the row's length, and
// weighs length by a mean that changes with every write. So a stretch keeps the pairs of frequency
// and length that no other pair beats in both; the bound is the best of them, whatever the mean.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace rage::text::detail {

// BM25's part of a score for one term, but for the term's weight. The one place that computes it:
// bounds hold because they use the same steps.
class Saturation final {
 public:
  Saturation(float k1, float b, double length_mean)
      : base_(k1 * (1 - b)), per_term_(static_cast<float>(k1 * b / length_mean)) {}
  float operator()(float weight, std::uint32_t frequency, std::uint32_t length) const {
    const auto count = static_cast<float>(frequency);
    const float norm = base_ + per_term_ * static_cast<float>(length);
    return weight * count / (count + norm);
  }

 private:
  float base_;
  float per_term_;
};

// Value. At most kPairs pairs; more are merged into pairs that beat them.
class Impacts final {
 public:
  static constexpr std::size_t kPairs = 4;

  void add(std::uint32_t frequency, std::uint32_t length) {
    insert({.frequency = clamp(frequency), .length = clamp(length)});
  }
  void add(const Impacts& other) {
    for (std::size_t i = 0; i < other.count_; ++i) insert(other.pairs_[i]);
  }

  // At least the part of every row that was added.
  float bound(float weight, const Saturation& saturation) const {
    float best = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const Pair& pair = pairs_[i];
      // Higher frequencies were clamped: the part never exceeds the weight.
      if (pair.frequency == kLargest) return weight;
      best = std::max(best, saturation(weight, pair.frequency, pair.length));
    }
    return best;
  }

 private:
  static constexpr std::uint16_t kLargest = std::numeric_limits<std::uint16_t>::max();
  struct Pair {
    std::uint16_t frequency = 0;
    std::uint16_t length = 0;  // Clamping it makes the bound larger, so it stays a bound.
  };

  static std::uint16_t clamp(std::uint32_t value) {
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(value, kLargest));
  }
  static bool beats(const Pair& a, const Pair& b) {
    return a.frequency >= b.frequency && a.length <= b.length;
  }

  void insert(Pair pair) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (beats(pairs_[i], pair)) return;  // Then it beats none of the others either.
      if (!beats(pair, pairs_[i])) pairs_[kept++] = pairs_[i];
    }
    count_ = static_cast<std::uint8_t>(kept);
    if (count_ == kPairs) {
      // Into the pair that is nearest in frequency: the bound grows least.
      std::size_t nearest = 0;
      for (std::size_t i = 1; i < count_; ++i) {
        if (distance(pairs_[i], pair) < distance(pairs_[nearest], pair)) nearest = i;
      }
      pair.frequency = std::max(pair.frequency, pairs_[nearest].frequency);
      pair.length = std::min(pair.length, pairs_[nearest].length);
      pairs_[nearest] = pairs_[--count_];
      insert(pair);
      return;
    }
    pairs_[count_++] = pair;
  }
  static int distance(const Pair& a, const Pair& b) {
    return a.frequency > b.frequency ? a.frequency - b.frequency : b.frequency - a.frequency;
  }

  std::array<Pair, kPairs> pairs_{};
  std::uint8_t count_ = 0;
};

}  // namespace rage::text::detail
