// Runs llama.cpp's `llama-server` for one GGUF file and keeps it running.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/process.h"
#include "net/http_client.h"

namespace rage::models {

struct LlamaServerOptions {
  std::filesystem::path binary;  // llama-server
  std::filesystem::path model;   // *.gguf
  std::string alias = {};  // The model's name in the API; empty: the file's name without ending.
  // Stated with the model in GET /v1/models (`tags`); without commas.
  std::vector<std::string> tags = {};
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one, kept over restarts.
  // 0: prompts use every core, generation all but one (and at least one). Its threads meet hundreds
  // of times a token and spin while they wait: one busy neighbour on a core takes two threads on
  // two cores from 100 tokens/s to 3, but a single thread only from 65 to 35.
  unsigned threads = 0;
  std::uint32_t context_tokens = 8192;  // Shared by all slots; one request may use it all.
  std::uint32_t slots = 2;              // Requests generated at the same time.
  std::filesystem::path log_file = {};  // Appended to. Empty: our own standard error.
  std::chrono::milliseconds start_timeout{120'000};  // Large models take long to read.
  std::chrono::milliseconds stop_grace{5'000};
  std::chrono::milliseconds backoff_first{200};    // Between restarts; doubles,
  std::chrono::milliseconds backoff_max{30'000};   // up to here,
  std::chrono::milliseconds stable_after{60'000};  // and starts afresh after running this long.

  Result<void> validate() const;
};

// The command line for `port`. Pure.
std::vector<std::string> plan_llama_arguments(const LlamaServerOptions& options,
                                              std::uint16_t port);

// 127.0.0.1 and [::1] alike: "http://127.0.0.1:8081"
std::string llama_base_url(const std::string& host, std::uint16_t port);

// Value.
struct LlamaServerStatus {
  bool is_ready = false;  // Answers /health.
  std::optional<pid_t> pid;
  std::uint32_t restarts = 0;
  std::optional<ExitStatus> last_exit;
};

// Resource. Thread-safe. Owns one thread and, most of the time, one process. Transport and clock
// outlive it.
class LlamaServer final {
 public:
  // Returns once the model is loaded. kNotFound: no such binary or model; kFailedPrecondition: the
  // port is taken, or the server ended while loading (the message quotes the end of its log);
  // kDeadlineExceeded: not ready within start_timeout or the context.
  static Result<std::unique_ptr<LlamaServer>> start(const Context& context,
                                                    net::HttpTransport& transport, Clock& clock,
                                                    const LlamaServerOptions& options);
  ~LlamaServer();  // As stop().
  LlamaServer(const LlamaServer&) = delete;
  LlamaServer& operator=(const LlamaServer&) = delete;

  // Ends the process and reaps it. Idempotent.
  void stop();

  std::uint16_t port() const { return port_; }
  std::string base_url() const { return llama_base_url(options_.host, port_); }
  LlamaServerStatus status() const;

 private:
  LlamaServer(net::HttpTransport& transport, Clock& clock, LlamaServerOptions options,
              std::uint16_t port);
  // Starts a process and waits for its /health.
  Result<void> launch(const Context& context);
  Result<void> wait_until_healthy(const Context& context, ChildProcess& child);
  Error explain_early_end(const ExitStatus& status) const;
  void supervise(std::stop_token stop);
  void end_child();

  struct State {
    std::shared_ptr<ChildProcess> child;
    LlamaServerStatus status;
  };

  net::HttpTransport& transport_;
  Clock& clock_;
  const LlamaServerOptions options_;
  const std::uint16_t port_;
  Guarded<State> state_;
  Mutex stopping_;
  std::jthread supervisor_;  // Last: it uses everything above.
};

}  // namespace rage::models
