// A watch: what a client hears of changes, one JSON document a line.
#pragma once

#include <chrono>

#include "base/clock.h"
#include "base/context.h"
#include "cluster/objects.h"
#include "net/http_server.h"

namespace rage::cluster::detail {

struct WatchSettings {
  Shape shape = Shape::kObject;
  std::chrono::seconds bookmark_interval{30};
};

// Blocks until the client leaves, its time is up or the server drains. Answers in any case.
void serve_watch(const Context& context, Objects& objects, Clock& clock, const Address& address,
                 const ListQuery& query, const WatchSettings& settings,
                 net::ResponseWriter& writer);

}  // namespace rage::cluster::detail
