// A ZeroMQ publisher (ZMTP 3.0, https://rfc.zeromq.org/spec/23/, without security) of what happens
// in a KV cache, as vLLM has one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::simulator {

struct KvPublisherOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one.
  std::string topic;       // "kv@POD@MODEL"
};

// Resource. Thread-safe. One thread. A subscriber that is too slow misses batches, as with ZeroMQ.
class KvPublisher {
 public:
  // kFailedPrecondition: the port cannot be had.
  static Result<std::unique_ptr<KvPublisher>> create(const KvPublisherOptions& options);
  virtual ~KvPublisher() = default;
  virtual std::uint16_t port() const = 0;
  // Numbered, to everybody who listens now. Does not wait.
  virtual void publish(std::string batch) = 0;
};

}  // namespace rage::simulator
