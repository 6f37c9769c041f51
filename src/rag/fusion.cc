#include "rag/fusion.h"

#include <cmath>

namespace rage::rag {
namespace {

struct Scale {
  double mean = 0;
  double deviation = 1;
  double z(double value) const { return (value - mean) / deviation; }
};

template <class Get>
Scale scale_of(std::span<const FusionInput> candidates, Get get) {
  double sum = 0;
  for (const FusionInput& candidate : candidates) sum += get(candidate);
  const double mean = sum / static_cast<double>(candidates.size());
  double squares = 0;
  for (const FusionInput& candidate : candidates) squares += std::pow(get(candidate) - mean, 2);
  const double deviation = std::sqrt(squares / static_cast<double>(candidates.size()));
  // Equal values carry no information: they all count as average.
  return {.mean = mean, .deviation = deviation > 1e-6 ? deviation : 1.0};
}

}  // namespace

std::vector<float> fuse(std::span<const FusionInput> candidates) {
  std::vector<float> scores;
  if (candidates.empty()) return scores;
  const Scale dense = scale_of(candidates, [](const FusionInput& c) { return double{c.dense}; });
  const Scale sparse = scale_of(candidates, [](const FusionInput& c) { return double{c.sparse}; });
  scores.reserve(candidates.size());
  for (const FusionInput& candidate : candidates) {
    const double sum = dense.z(candidate.dense) + kSparseWeight * sparse.z(candidate.sparse) +
                       double{kDemandWeight} * candidate.met;
    scores.push_back(static_cast<float>(1.0 / (1.0 + std::exp(-sum / 2))));
  }
  return scores;
}

}  // namespace rage::rag
