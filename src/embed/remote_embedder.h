// Embeddings by a service elsewhere (remote_protocol.h).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "embed/embedder.h"
#include "embed/remote_protocol.h"
#include "net/http_client.h"

namespace rage::embed {

struct RemoteEmbedderOptions {
  std::string url;    // With its path: "https://host/v1/embeddings".
  std::string token;  // Sent as "Authorization: Bearer"; empty: nothing is sent.
  RemoteApi api = RemoteApi::kOpenAi;
  std::string model = {};                  // Empty: the service's own.
  std::size_t tokens_max = 512;            // Of one text; longer ones are cut, by estimate.
  std::size_t texts_per_request_max = 64;  // KAITO's kind may take one alone; found out at start.
  std::size_t requests_at_once_max = 8;    // Further calls wait,
  std::size_t calls_waiting_max = 256;     // and past that are refused.
  int attempts_max = 4;                    // Of one request; see backoff_before().
  std::chrono::milliseconds timeout{30'000};  // Of one attempt.

  Result<void> validate() const;
};

// Resource. Thread-safe. Its id is the name of the model: that given, else that which the service
// names, else its address. A service that changes its model or its dimension while we run is an
// error of each call, since its vectors would not be comparable with those stored.
class RemoteEmbedder final : public Embedder {
 public:
  // Asks for a vector, to learn dimension and model and that address and token are right. The error
  // names the address. `transport` and `clock` outlive the embedder.
  static Result<std::unique_ptr<RemoteEmbedder>> connect(const Context& context,
                                                         net::HttpTransport& transport,
                                                         Clock& clock,
                                                         RemoteEmbedderOptions options);

  // kUnavailable once all attempts failed; kResourceExhausted if too many calls wait.
  Result<EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                TextKind kind) override;
  // One attempt, unless a call succeeded within the last seconds.
  Result<void> ready(const Context& context) override;
  std::string_view id() const override { return id_; }
  std::size_t dimension() const override { return dimension_; }
  std::size_t tokens_max() const override { return options_.tokens_max; }
  std::size_t count_tokens(std::string_view text) const override { return estimate_tokens(text); }

 private:
  RemoteEmbedder(net::HttpTransport& transport, Clock& clock, RemoteEmbedderOptions options);
  Result<void> learn(const Context& context);
  Result<void> enter(const Context& context);
  void leave();
  // One attempt; `status` 0 if there was no reply.
  Result<RemoteVectors> ask_once(const Context& context, std::span<const std::string> texts,
                                 TextKind kind, int& status);
  Result<RemoteVectors> ask(const Context& context, std::span<const std::string> texts,
                            TextKind kind, int attempts_max);
  Result<void> check_same_model(const RemoteVectors& reply) const;

  net::HttpTransport& transport_;
  Clock& clock_;
  const RemoteEmbedderOptions options_;
  std::string id_;  // This and the next four: constant after connect().
  std::string model_;
  std::size_t dimension_ = 0;
  std::size_t texts_per_request_ = 1;
  bool sends_kind_ = false;
  std::atomic<SteadyTime::rep> succeeded_ = 0;
  Mutex mutex_;
  CondVar changed_;
  std::size_t asking_ GUARDED_BY(mutex_) = 0;
  std::size_t waiting_ GUARDED_BY(mutex_) = 0;
};

}  // namespace rage::embed
