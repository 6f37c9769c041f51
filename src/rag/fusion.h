// Fuses dense similarity, BM25 and what the fields of a record tell into one score, 0..1.
//
// For readers, each side becomes a share that means the same in every question. Cosine: the way
// from the average candidate to the question itself. BM25: what was found of the information in the
// question's words, those that no row has included, so that it has little to say where the words
// are others. Theoretical bounds in place of observed ones: Bruch, Gai and Ingber (An Analysis of
// Fusion Functions for Hybrid Retrieval, 2023). The shares are added, 1 : kShareWeight; a demand
// that a record meets is worth as much as being the question itself. The logistic function of the
// sum is the score.
//
// Answers take their candidates by z-scores, 1 : kSparseWeight; their thresholds were measured so.
// What was measured, and what that cannot tell: docs/adr/0007 (bench/retrieval_quality.py).
#pragma once

#include <span>
#include <vector>

namespace rage::rag {

inline constexpr float kShareWeight = 2.2F;
inline constexpr float kSparseWeight = 0.7F;

struct FusionInput {
  float dense = 0;   // Cosine similarity.
  float sparse = 0;  // BM25; 0: no question term occurs.
  float met = 0;     // Of the question's demands (demands.h), 0..2.
};

// One score per candidate, in the same order. Rises with each input; 0.5 is an average candidate
// that shares no word with the question and meets no demand. `sparse_bound`: what BM25 cannot
// exceed (text::bound_of_scores).
std::vector<float> fuse(std::span<const FusionInput> candidates, double sparse_bound);

// The same for the candidates of an answer; 0.5 is an average candidate. Demands do not count.
std::vector<float> fuse_for_answer(std::span<const FusionInput> candidates);

}  // namespace rage::rag
