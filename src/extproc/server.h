// The gRPC server around a StreamMachine: ext_proc with TLS or without, health on the same port and
// on one of its own, deadlines, an end that lets exchanges in flight finish.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "extproc/message.h"
#include "obs/metrics.h"
#include "picker/endpoint_picker.h"

namespace rage::extproc {

enum class Tls { kOff, kSelfSigned, kFiles };

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;         // 0: any free one, see Server::port().
  std::uint16_t health_port = 0;  // Plaintext, health alone.
  Tls tls = Tls::kSelfSigned;
  std::string certificate_directory = {};  // With tls.crt and tls.key, for kFiles.
  bool reload_certificate = false;         // Looks for another one every ten seconds.
  std::size_t receive_bytes_max = std::size_t{4}
                                  << 20;  // Of one message; kBuffered bodies need more.
  std::size_t send_bytes_max = std::numeric_limits<std::size_t>::max();
};

// Value of references; see make_stream_metrics().
struct StreamMetrics {
  obs::Gauge& inflight;
  obs::Counter& ok;
  obs::Counter& cancelled;  // The usual end: proxies reset streams of exchanges that are over.
  obs::Counter& failed;     // The proxy broke the protocol.
  obs::Histogram& duration;
};
// PREFIX_extproc_streams_inflight, _streams_total{code}, _stream_duration_seconds.
StreamMetrics make_stream_metrics(obs::MetricRegistry& registry, const std::string& prefix);

// Everything in it outlives the server.
struct ServerParts {
  std::function<std::unique_ptr<StreamMachine>()> make_machine;  // On any thread.
  picker::EndpointPicker* picker = nullptr;                      // Null: the machine never picks.
  std::function<bool()> ready = [] { return true; };
  StreamMetrics* metrics = nullptr;           // Null: not counted.
  obs::Histogram* message_seconds = nullptr;  // Null: not measured. The machine's time a message.
};

// Resource. Thread-safe. Serves from create() until destroyed.
class Server {
 public:
  // kFailedPrecondition: a port is taken; kInvalidArgument: no usable certificate.
  static Result<std::unique_ptr<Server>> create(const ServerOptions& options, ServerParts parts,
                                                Clock& clock);
  virtual ~Server() = default;  // Cancels what runs.
  virtual std::uint16_t port() const = 0;
  virtual std::uint16_t health_port() const = 0;
  virtual std::size_t streams() const = 0;
  // From now on not serving, to who asks for health.
  virtual void begin_drain() = 0;
  // Takes no new stream, waits for those that run at most `limit`, then cancels them. Idempotent.
  virtual void drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace rage::extproc
