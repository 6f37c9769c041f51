// The body of a request in Kubernetes' protobuf encoding, as the JSON that the same client would
// have sent: Go clients, kubectl among them, write built-in kinds that way. Pure.
// Source: Kubernetes API concepts, "Kubernetes Protobuf encoding"; the Go types of k8s.io/api.
#pragma once

#include <string_view>

#include "base/error.h"
#include "codec/json.h"

namespace rage::kubeobjects {

inline constexpr std::string_view kProtobufMediaType = "application/vnd.kubernetes.protobuf";

// An object with apiVersion and kind. Fields that nobody knows are dropped, as Go does. Refused
// with a Status: 400 what is no such document or nests or holds too much; 415 a kind that is only
// read as JSON.
Result<codec::Json> parse_protobuf(std::string_view body);

}  // namespace rage::kubeobjects
