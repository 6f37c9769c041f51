// The members of a JSON body that an inference gateway needs, by API.
#pragma once

#include "payload/detail/json_walk.h"
#include "payload/inference_request.h"

namespace rage::payload::detail {

Result<InferenceRequest> read_json_request(Api api, std::string_view body, const VideoHints& video);

// Nothing a header could not carry, and no longer than a name is.
Result<void> check_model(std::string_view model);

}  // namespace rage::payload::detail
