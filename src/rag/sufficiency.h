// How likely the retrieved text answers the question: a small logistic model over what grounding
// found. Pure. bench/sufficiency_fit.py fits the weights; bench/trusted_answers.md says how well
// they hold for a corpus they were not fitted on.
#pragma once

namespace rage::rag {

// Every feature is in 0..1.
struct SufficiencyFeatures {
  double nearest = 0;      // Cosine of the question and the nearest chunk.
  double margin = 0;       // To the nearest chunk of another record.
  double coverage = 1;     // Of the question's content words, by idf, in the best record.
  double rare = 1;         // Of its rare words and names alone.
  double constraints = 1;  // 1: some record satisfies all of them, or there are none.
  double absent = 0;       // 1: the question names what the corpus does not have.
  double resolved = 0;     // How sure the records or the passage were found; 0: none were.
};

// A probability, 0..1.
double sufficiency(const SufficiencyFeatures& features);

}  // namespace rage::rag
