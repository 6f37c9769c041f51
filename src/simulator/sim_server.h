// An OpenAI-compatible model server without a model: vLLM's API, metrics and pace, for tests and
// load studies of whatever stands in front of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "obs/tracer.h"
#include "simulator/engine.h"
#include "simulator/failure.h"

namespace rage::simulator {

struct SimServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;             // 0: any free one.
  std::string name;                   // Of this replica; in the header x-sim-name of every answer.
  std::string model = "sim-model";    // The base model.
  std::vector<std::string> adapters;  // LoRA adapters, served as models of their own.
  std::uint64_t context_tokens = 32768;  // Prompt and answer of one request.
  std::uint64_t output_tokens_mean =
      128;  // Where the model stops by itself: half to one and a half.
  std::uint32_t embedding_dimensions = 384;
  // Where KV-cache events are published (ZeroMQ, as vLLM's); none: not at all. 0: any free port.
  std::optional<std::uint16_t> kv_events_port;
  double time_scale = 1;  // Virtual seconds in a real one.
  EngineOptions engine;
  std::vector<FailureRule> failures;  // By chance; a request's header x-sim-fail comes first.
  std::uint64_t seed = 1;             // Of chance.
  std::size_t requests_max = 1024;    // At once, each with a thread; past that: 503.
  std::size_t body_bytes_max = std::size_t{64} << 20;
  const obs::Tracer* tracer = nullptr;  // Of requests to models; null: none. Outlives the server.

  // kInvalidArgument, with what is wrong.
  Result<void> validate() const;
};

// Resource. Thread-safe. Serves from create() until destroyed.
class SimServer {
 public:
  static Result<std::unique_ptr<SimServer>> create(const SimServerOptions& options);
  virtual ~SimServer() = default;
  virtual std::uint16_t port() const = 0;
  virtual std::uint16_t kv_events_port() const = 0;  // 0: none.
  // Stops accepting, lets requests end for at most `limit`. Idempotent.
  virtual void drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace rage::simulator
