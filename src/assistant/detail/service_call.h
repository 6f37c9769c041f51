// What the parts of the service share. Private to the room.
#pragma once

#include <string>
#include <string_view>

#include "assistant/service.h"
#include "codec/json.h"

namespace rage::assistant {

struct AssistantService::Call {
  const Context& context;
  const net::HttpRequest& request;
  net::ResponseWriter& writer;
};

inline net::HttpResponse json_response(int status, const codec::Json& body) {
  return net::HttpResponse::json(status, codec::render_json(body));
}

inline net::HttpResponse detail_response(int status, std::string_view detail) {
  return json_response(status, {{"detail", detail}});
}

}  // namespace rage::assistant
