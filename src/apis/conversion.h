// Lossless conversion between v1alpha1 and v1beta1 of Workspace, InferenceSet and RAGEngine.
// What v1alpha1 cannot say travels in the annotation rage.dev/v1beta1-fields and comes back;
// a change made through v1alpha1 wins over what was kept. There and back is the same for documents
// as the API server has them, that is with the defaults of their version.
#pragma once

#include <string_view>

#include "apis/meta.h"

namespace rage::apis {

inline constexpr std::string_view kOldApiVersion = "kaito.sh/v1alpha1";
inline constexpr std::string_view kNewApiVersion = "kaito.sh/v1beta1";

// `document` is any of our kinds; `to` is one of the two above.
// The same version is returned as it is. kInvalidArgument: unknown kind or version.
Result<Json> convert(const Json& document, std::string_view to);

}  // namespace rage::apis
