// Listens to the KV-cache events of a pool's engines (ZeroMQ publishers, as vLLM and SGLang are).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "routing/kv_event_sink.h"

namespace rage::picker {

struct KvSubscriberOptions {
  std::uint16_t port = 5557;  // Of rank 0; rank r publishes on port + r.
  std::string topic = "kv@";  // What topics begin with.
  std::chrono::milliseconds reconnect{5'000};
  std::chrono::milliseconds connect_timeout{5'000};
};

// Resource. Thread-safe. One thread of its own, which calls the sink; no queue: a slow sink leaves
// bytes in the kernel, and what a publisher drops then is seen as a gap.
class KvSubscriber {
 public:
  // `sink` outlives it.
  static Result<std::unique_ptr<KvSubscriber>> create(KvSubscriberOptions options,
                                                      routing::KvEventSink& sink);
  virtual ~KvSubscriber() = default;
  // Whom to listen to from now on; those that stay keep their connection.
  virtual void follow(const std::vector<routing::Endpoint>& endpoints) = 0;
};

}  // namespace rage::picker
