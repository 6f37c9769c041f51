// What a request is before anybody looks at endpoints: its API, its model, who it is from. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "base/clock.h"
#include "payload/inference_request.h"
#include "picker/endpoint_picker.h"
#include "picker/endpoint_source.h"
#include "picker/make_director.h"
#include "picker/metrics.h"
#include "routing/flow_control.h"

namespace rage::picker::detail {

// Value.
struct Prepared {
  PickRequest request = {};
  payload::InferenceRequest parsed = {};
  std::string target_model = {};
  std::string rewrite = {};  // The InferenceModelRewrite's name; empty: none.
  routing::FlowKey flow = {};
  SteadyTime arrived_at = {};

  RequestLabels labels() const;
};

struct Rejected {
  Refusal refusal;
  RequestLabels labels;  // As far as they are known.
};

// `request.body` is not null; `random` is uniform in [0, 1).
std::expected<Prepared, Rejected> prepare(PickRequest request, const DirectorOptions& options,
                                          const PoolContents& pool, double random, SteadyTime now);

// The body with its target model; none: as it is.
std::optional<std::string> rewritten_body(const Prepared& prepared);

}  // namespace rage::picker::detail
