// A sink that keeps the spans it gets, in the order in which they ended.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "obs/tracer.h"

namespace rage::obs {

// Resource. Thread-safe.
class KeptSpans final : public SpanSink {
 public:
  void take(SpanRecord span) override {
    spans_.with([&](auto& spans) { spans.push_back(std::move(span)); });
  }
  std::vector<SpanRecord> all() const {
    return spans_.with([](const auto& spans) { return spans; });
  }

 private:
  Guarded<std::vector<SpanRecord>> spans_;
};

inline Attribute text_attribute(std::string key, std::string value) {
  return {.key = std::move(key), .value = std::move(value)};
}

inline Attribute number_attribute(std::string key, std::int64_t value) {
  return {.key = std::move(key), .value = value};
}

}  // namespace rage::obs
