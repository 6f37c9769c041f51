// Readers of the parts that several kinds share. Errors stay in the reader: check() once, at the
// end of a document.
#pragma once

#include "apis/detail/field_reader.h"
#include "apis/workspace.h"

namespace rage::apis::detail {

std::optional<Partition> read_partition(const FieldReader& fields);
ResourceSpec read_resource_spec(const FieldReader& fields);
InferenceSpec read_inference_spec(const FieldReader& fields);

}  // namespace rage::apis::detail
