// Writes one answer as its tokens come: whole or as a stream, up to the failure it was told to
// commit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "net/http_server.h"
#include "simulator/api_reply.h"
#include "simulator/api_request.h"
#include "simulator/engine_runner.h"
#include "simulator/failure.h"
#include "simulator/vllm_metrics.h"

namespace rage::simulator {

struct ServedReply {
  const ApiRequest& request;
  std::optional<Failure> failure = {};
  std::string server_name = {};  // Empty: none is told.
  std::string body_sha256 = {};  // Of the request as it came, hexadecimal.
  ReplyHead head = {};
  std::vector<OutputPlan> plans = {};  // One an input.
  std::uint64_t prompt_tokens = 0;
  std::uint32_t embedding_dimensions = 0;
};

// Blocks until the answer has left, or cannot.
ServedRequest write_reply(const Context& context, const ServedReply& reply, Generation& generation,
                          net::ResponseWriter& writer);

// Until the client or the server ends it. Then no answer is given.
void wait_until_left(const Context& context, net::ResponseWriter& writer);

}  // namespace rage::simulator
