// vLLM's gRPC requests (package vllm.grpc.engine): Generate and Embed, one message each.
#pragma once

#include <string_view>

#include "payload/inference_request.h"

namespace rage::payload::detail {

// `body`: a frame of five bytes and a message. A compressed message says nothing to us.
// kInvalidArgument: more or less than one frame, or no protobuf message in it.
Result<InferenceRequest> read_grpc_request(std::string_view body);

}  // namespace rage::payload::detail
