// A watch's body: one JSON event a line, cut anywhere by the network.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kube/client.h"

namespace rage::kube::detail {

// Resource. One thread. Untrusted bytes to events.
class WatchDecoder final {
 public:
  explicit WatchDecoder(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  // Calls `on_event` for each line that is now complete. False once `on_event` returned false.
  // kResourceExhausted: an event larger than allowed; kDataLoss: no event; an ERROR event: its
  // Status as an Error. After a failure the decoder is done with.
  Result<bool> feed(std::string_view bytes, const std::function<bool(WatchEvent event)>& on_event);

 private:
  const std::size_t event_bytes_max_;
  std::string line_;  // What has come of a line that is not complete.
};

}  // namespace rage::kube::detail
