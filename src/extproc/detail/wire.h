// Between protobuf's messages and our values. The only place that knows both.
#pragma once

#include "envoyapi/ext_proc.h"
#include "extproc/message.h"

namespace rage::extproc::detail {

// Takes the bytes out of `request`. Nothing in it is trusted; kind is kImmediate if it has no part.
Message read_message(envoyapi::ext_proc::ProcessingRequest& request);

// `response` is empty before.
void write_reply(Reply reply, envoyapi::ext_proc::ProcessingResponse& response);

}  // namespace rage::extproc::detail
