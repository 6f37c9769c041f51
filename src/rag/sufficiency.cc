#include "rag/sufficiency.h"

#include <algorithm>
#include <cmath>

namespace rage::rag {
namespace {

struct Weight {
  double SufficiencyFeatures::* feature;
  double weight;
};

// Fitted to the questions of both example corpora, those held out left out.
constexpr double kBias = -2.0;
constexpr Weight kWeights[] = {
    {&SufficiencyFeatures::nearest, 1.0},     {&SufficiencyFeatures::margin, 1.0},
    {&SufficiencyFeatures::coverage, 0.5},    {&SufficiencyFeatures::rare, 0.5},
    {&SufficiencyFeatures::constraints, 0.5}, {&SufficiencyFeatures::absent, -2.0},
    {&SufficiencyFeatures::resolved, 4.0},
};

}  // namespace

double sufficiency(const SufficiencyFeatures& features) {
  double sum = kBias;
  for (const Weight& one : kWeights) {
    sum += one.weight * std::clamp(features.*one.feature, 0.0, 1.0);
  }
  return 1.0 / (1.0 + std::exp(-sum));
}

}  // namespace rage::rag
