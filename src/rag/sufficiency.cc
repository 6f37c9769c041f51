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
constexpr double kBias = -3.1;
constexpr Weight kWeights[] = {
    {&SufficiencyFeatures::nearest, 0.37},     {&SufficiencyFeatures::margin, 0.27},
    {&SufficiencyFeatures::coverage, 0.24},    {&SufficiencyFeatures::rare, 0.03},
    {&SufficiencyFeatures::constraints, 1.08}, {&SufficiencyFeatures::absent, -1.16},
    {&SufficiencyFeatures::resolved, 6.01},
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
