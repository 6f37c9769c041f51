#include "rag/fusion.h"

#include <cmath>

namespace rage::rag {
namespace {

// Scores of both ways spread about alike.
constexpr double kShareSteepness = 3;
constexpr double kDeviationSteepness = 0.5;
constexpr double kTiny = 1e-6;

struct Scale {
  double mean = 0;
  double deviation = 1;
  double z(double value) const { return (value - mean) / deviation; }
};

template <class Get>
double mean_of(std::span<const FusionInput> candidates, Get get) {
  double sum = 0;
  for (const FusionInput& candidate : candidates) sum += get(candidate);
  return sum / static_cast<double>(candidates.size());
}

template <class Get>
Scale scale_of(std::span<const FusionInput> candidates, Get get) {
  const double mean = mean_of(candidates, get);
  double squares = 0;
  for (const FusionInput& candidate : candidates) squares += std::pow(get(candidate) - mean, 2);
  const double deviation = std::sqrt(squares / static_cast<double>(candidates.size()));
  // Equal values carry no information: they all count as average.
  return {.mean = mean, .deviation = deviation > kTiny ? deviation : 1.0};
}

double dense_of(const FusionInput& candidate) {
  return candidate.dense;
}

double sparse_of(const FusionInput& candidate) {
  return candidate.sparse;
}

float logistic(double value) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-value)));
}

}  // namespace

std::vector<float> fuse(std::span<const FusionInput> candidates, double sparse_bound) {
  std::vector<float> scores;
  if (candidates.empty()) return scores;
  const double average = mean_of(candidates, dense_of);
  const double way = 1 - average > kTiny ? 1 - average : 1.0;
  const double bound = sparse_bound > kTiny ? sparse_bound : 1.0;
  scores.reserve(candidates.size());
  for (const FusionInput& candidate : candidates) {
    const double sum = (candidate.dense - average) / way +
                       kShareWeight * (candidate.sparse / bound) + candidate.met;
    scores.push_back(logistic(kShareSteepness * sum));
  }
  return scores;
}

std::vector<float> fuse_for_answer(std::span<const FusionInput> candidates) {
  std::vector<float> scores;
  if (candidates.empty()) return scores;
  const Scale dense = scale_of(candidates, dense_of);
  const Scale sparse = scale_of(candidates, sparse_of);
  scores.reserve(candidates.size());
  for (const FusionInput& candidate : candidates) {
    const double sum = dense.z(candidate.dense) + kSparseWeight * sparse.z(candidate.sparse);
    scores.push_back(logistic(kDeviationSteepness * sum));
  }
  return scores;
}

}  // namespace rage::rag
