// The RAG service's HTTP API: KAITO's RAGEngine routes and the OpenAI chat endpoint, with grounded
// answers. Parses, calls the domain, renders; no policy of retrieval or grounding lives here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "embed/metered_embedder.h"
#include "guardrails/output_guardrails.h"
#include "llm/llm_client.h"
#include "llm/rerank_client.h"
#include "net/http.h"
#include "net/http_server.h"
#include "obs/metrics.h"
#include "rag/collections.h"
#include "ragserver/access.h"
#include "ragserver/chat.h"
#include "ragserver/metrics.h"
#include "ragserver/routes.h"
#include "ragserver/slow_requests.h"

namespace rage::ragserver {

struct RagServiceOptions {
  std::int64_t top_k_max = 300;  // RAG_MAX_TOP_K
  ChatOptions chat;
  std::vector<ApiKey> api_keys = {};  // None: everybody may do everything.
  bool audit = false;                 // A line in the log for each request that changes something.
  guardrails::OutputGuardrails* guardrails = nullptr;    // Outlives the service. Null: none.
  const embed::MeteredEmbedder* embeddings = nullptr;    // As above; its series are shown.
  const llm::RerankClient* reranker = nullptr;           // Outlives the service. Null: none.
  const obs::MetricRegistry* process_metrics = nullptr;  // To show at /metrics too. Likewise.
  std::size_t slow_requests_max = 0;                     // slow_requests.h; 0: no limit.
  codec::Json start_stages = codec::Json::array();       // How the start went, for /readyz.
};

// Resource. Thread-safe. What it is given outlives it; `llm` may be null: chat then answers 503,
// unless the answer mode is extractive.
class RagService final {
 public:
  RagService(rag::Collections& collections, llm::LlmClient* llm, const RagServiceOptions& options);
  ~RagService();
  RagService(const RagService&) = delete;
  RagService& operator=(const RagService&) = delete;

  // An HttpHandler.
  void handle(const Context& context, const net::HttpRequest& request, net::ResponseWriter& writer);

 private:
  struct Call {
    const Context& context;
    const net::HttpRequest& request;
  };
  // Answers, and returns the status it answered with.
  int serve(const Call& call, const Route& route, net::ResponseWriter& writer);
  net::HttpResponse answer(const Call& call, const Route& route);
  net::HttpResponse report_ready(const Call& call);

  net::HttpResponse create_index(const Call& call);
  net::HttpResponse list_indexes();
  net::HttpResponse delete_index(const std::string& name);
  net::HttpResponse persist_index(const Call& call, const std::string& name);
  net::HttpResponse load_index(const Call& call, const std::string& name);
  int reindex(const Call& call, const std::string& name, net::ResponseWriter& writer);
  net::HttpResponse list_documents(const Call& call, const std::string& name);
  net::HttpResponse update_documents(const Call& call, const std::string& name);
  net::HttpResponse delete_documents(const Call& call, const std::string& name);
  net::HttpResponse retrieve(const Call& call);
  net::HttpResponse list_models(const Call& call);
  net::HttpResponse embed(const Call& call);
  net::HttpResponse rerank(const Call& call);
  net::HttpResponse read_settings(const std::string& name);
  net::HttpResponse write_settings(const Call& call, const std::string& name);
  net::HttpResponse list_answers();
  net::HttpResponse health() const;
  net::HttpResponse describe_guardrails() const;
  std::string render_metrics() const;
  net::HttpResponse explain_answer(const std::string& id);

  rag::Collections& collections_;
  llm::LlmClient* llm_;
  const RagServiceOptions options_;
  SystemClock clock_;
  AccessControl access_;
  SlowRequests slow_;
  RagMetrics metrics_;
  ChatEndpoint chat_;
};

}  // namespace rage::ragserver
