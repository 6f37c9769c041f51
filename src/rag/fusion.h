// Fuses dense similarity, BM25 and what the fields of a record tell into one score, 0..1.
//
// The first two are put on the same scale as z-scores over the candidates of this query and added,
// 1 : kSparseWeight. What a record meets of the question's demands is worth kDemandWeight standard
// deviations. The logistic function of the sum is the score. Measured on five sets of questions,
// nDCG@10 (bench/retrieval_quality.py): better than either side alone (docs/adr/0007).
#pragma once

#include <span>
#include <vector>

namespace rage::rag {

inline constexpr float kSparseWeight = 0.7F;
inline constexpr float kDemandWeight = 5;

struct FusionInput {
  float dense = 0;   // Cosine similarity.
  float sparse = 0;  // BM25; 0: no question term occurs.
  float met = 0;     // Of the question's demands (demands.h), 0..2.
};

// One score per candidate, in the same order. Rises with each input; 0.5 is an average candidate
// that meets no demand.
std::vector<float> fuse(std::span<const FusionInput> candidates);

}  // namespace rage::rag
