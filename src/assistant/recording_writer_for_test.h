// For the tests of this room: keeps what a handler answers, and may leave in the middle.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "codec/json.h"
#include "net/http_server.h"

namespace rage::assistant {

class RecordingWriter final : public net::ResponseWriter {
 public:
  Result<void> send(net::HttpResponse response) override {
    reply = std::move(response);
    return {};
  }
  Result<void> begin(int status, net::Headers headers) override {
    reply.status = status;
    reply.headers = std::move(headers);
    return {};
  }
  Result<void> write(std::string_view bytes) override {
    if (writes_left == 0) return fail(ErrorCode::kCancelled, "gone");
    --writes_left;
    reply.body += bytes;
    return {};
  }
  void abort() override {}
  codec::Json json() const { return *codec::parse_json(reply.body); }

  net::HttpResponse reply;
  int writes_left = 1000;
};

}  // namespace rage::assistant
