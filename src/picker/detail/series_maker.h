// Series and their deprecated twins, made together. llm-d renamed its metrics several times and
// kept the old names; so do we.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "obs/metrics.h"
#include "picker/metrics.h"

namespace rage::picker::detail {

inline constexpr std::string_view kPrefix = "llm_d_epp_";
inline constexpr std::string_view kObjective = "inference_objective_";
inline constexpr std::string_view kPool = "inference_pool_";
inline constexpr std::string_view kExtension = "inference_extension_";

inline std::string joined(std::string_view prefix, std::string_view name) {
  return fmt::format("{}{}", prefix, name);
}

// Makes a series and its twin. `twin` empty: none.
class SeriesMaker final {
 public:
  SeriesMaker(obs::MetricRegistry& registry, bool twins) : registry_(registry), twins_(twins) {}

  CounterPair counter(std::string_view name, std::string_view help, const obs::Labels& labels,
                      std::string_view twin = {}, const obs::Labels& twin_labels = {}) const {
    CounterPair pair{.series = &registry_.counter(joined(kPrefix, name), help, labels)};
    if (twins_ && !twin.empty())
      pair.twin = &registry_.counter(twin, deprecated(name), twin_labels);
    return pair;
  }
  GaugePair gauge(std::string_view name, std::string_view help, const obs::Labels& labels,
                  std::string_view twin = {}, const obs::Labels& twin_labels = {}) const {
    GaugePair pair{.series = &registry_.gauge(joined(kPrefix, name), help, labels)};
    if (twins_ && !twin.empty()) pair.twin = &registry_.gauge(twin, deprecated(name), twin_labels);
    return pair;
  }
  HistogramPair histogram(std::string_view name, std::string_view help,
                          const std::vector<double>& buckets, const obs::Labels& labels,
                          std::string_view twin = {}, const obs::Labels& twin_labels = {},
                          const std::vector<double>* twin_buckets = nullptr) const {
    HistogramPair pair{.series =
                           &registry_.histogram(joined(kPrefix, name), help, buckets, labels)};
    if (twins_ && !twin.empty()) {
      pair.twin = &registry_.histogram(
          twin, deprecated(name), twin_buckets != nullptr ? *twin_buckets : buckets, twin_labels);
    }
    return pair;
  }

 private:
  static std::string deprecated(std::string_view name) {
    return fmt::format("Deprecated: use {}{}.", kPrefix, name);
  }
  obs::MetricRegistry& registry_;
  bool twins_;
};

RequestSeries make_request_series(const SeriesMaker& make, const RequestLabels& request,
                                  const std::string& pool);

}  // namespace rage::picker::detail
