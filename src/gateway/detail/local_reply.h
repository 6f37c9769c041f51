// Answers that the gateway gives by itself, in the shape OpenAI's clients understand. Pure.
#pragma once

#include <string>
#include <string_view>

#include "gateway/detail/message.h"

namespace rage::gateway::detail {

struct LocalReply {
  ResponseHead head;
  std::string body;
};

// {"error":{"message":...,"type":...,"code":...}}; `message` tells the client what to do.
LocalReply make_local_reply(int status, std::string_view message);

// The same to a client of gRPC: a reply without messages, whose status is a header.
ResponseHead make_grpc_refusal(int status, std::string_view message);

}  // namespace rage::gateway::detail
