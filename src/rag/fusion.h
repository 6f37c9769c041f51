// Fuses dense similarity and BM25 into one score, 0..1.
//
// Both are put on the same scale as z-scores over the candidates of this query and added,
// 1 : kSparseWeight; the logistic function of that sum is the score. Measured on Cranfield, nDCG@10
// (bench/retrieval_quality.py): better than either alone and than reciprocal rank fusion
// (docs/adr/0007).
#pragma once

#include <span>
#include <vector>

namespace rage::rag {

inline constexpr float kSparseWeight = 0.7F;

struct FusionInput {
  float dense = 0;   // Cosine similarity.
  float sparse = 0;  // BM25; 0: no question term occurs.
};

// One score per candidate, in the same order. Rises with both inputs; 0.5 is an average candidate.
std::vector<float> fuse(std::span<const FusionInput> candidates);

}  // namespace rage::rag
