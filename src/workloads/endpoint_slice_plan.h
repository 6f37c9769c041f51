// discovery.k8s.io/v1 EndpointSlices of a Service with a selector. Pure.
// Source: Kubernetes, "EndpointSlices"; "Services": headless Services.
#pragma once

#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

inline constexpr const char* kServiceLabel = "kubernetes.io/service-name";  // On every slice.
// The value of endpointslice.kubernetes.io/managed-by on slices of ours; others are left alone.
inline constexpr const char* kSliceManager = "workloads";

struct EndpointSliceObservation {
  Json service;
  std::vector<Json> pods;    // Of its namespace.
  std::vector<Json> slices;  // Of its namespace, with its kubernetes.io/service-name.
};

// IPv4 alone. Pods whose named target ports differ go to slices of their own; at most 100 endpoints
// a slice. Pods without an address and finished ones are left out; those that end are there as
// terminating.
Plan plan_endpoint_slices(const EndpointSliceObservation& observed);

}  // namespace rage::workloads
