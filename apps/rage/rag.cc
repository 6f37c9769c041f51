// `rage rag`: the RAG service a pod runs.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "base/files.h"
#include "base/strings.h"
#include "guardrails/output_guardrails.h"
#include "llm/openai_client.h"
#include "llm/rerank_client.h"
#include "model_access.h"
#include "net/certificate_files.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "rag/collections.h"
#include "rag_embedders.h"
#include "rag_environment.h"
#include "ragserver/service.h"
#include "ragserver/warm_up.h"
#include "service_options.h"
#include "shutdown.h"
#include "subcommands.h"
#include "tracing.h"
#include "vector_store_option.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kRagDrainLimit = 20s;
constexpr std::size_t kAnswersKeptOnLoopback = 256;

struct RagOptions {
  ServiceOptions listen{.port = 5000, .workers = 64, .workers_max = 512};
  std::string data = "storage";
  VectorStoreOption store;
  EmbedderFlags embedder;
  std::string llm_url;
  std::string llm_token;
  llm::RerankOptions rerank;
  std::string answers = "auto";
  std::string grounding_mode = "strict";
  int answers_kept = -1;  // Less than 0: by where the service listens.
  std::size_t body_mib_max = 64;
  std::size_t connections_max = 1024;
  std::size_t queue_max = 512;
  int request_timeout_s = 600;
  std::string tls_certificate;  // Files, PEM; empty: plain HTTP.
  std::string tls_key;
  std::string api_keys;           // A file; empty: no keys.
  std::string guardrails_policy;  // Of the flag; the next three are the environment's.
  std::string guardrails_enabled;
  std::string guardrails_path;
  std::string guardrails_reload = "true";
  rag::IngestOptions ingest;
  ragserver::RagServiceOptions service;
};

rag::AnswerMode answer_mode_of(const std::string& name) {
  if (name == "model") return rag::AnswerMode::kModel;
  return name == "extractive" ? rag::AnswerMode::kExtractive : rag::AnswerMode::kAuto;
}

// Traces hold what others asked: kept unasked only where nobody else can reach them.
std::size_t answers_kept(const RagOptions& options) {
  if (options.answers_kept >= 0) return static_cast<std::size_t>(options.answers_kept);
  const bool loopback = options.listen.address.starts_with("127.") ||
                        options.listen.address == "::1" || options.listen.address == "localhost";
  return loopback ? kAnswersKeptOnLoopback : 0;
}

constexpr std::uint64_t kApiKeysBytesMax = std::uint64_t{4} << 20;

Result<void> read_api_keys(const std::string& path, ragserver::RagServiceOptions& service) {
  if (path.empty()) return {};
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kApiKeysBytesMax));
  ASSIGN_OR_RETURN(service.api_keys, ragserver::parse_api_keys(text));
  service.audit = true;
  return {};
}

// A policy named by the flag is in force; the environment's needs to be turned on, as in KAITO.
guardrails::OutputGuardrailsOptions guardrails_of(const RagOptions& options) {
  const bool named = !options.guardrails_policy.empty();
  return {.enabled = named || equals_ignoring_case(options.guardrails_enabled, "true"),
          .policy = named ? options.guardrails_policy : options.guardrails_path,
          .hot_reload = !equals_ignoring_case(options.guardrails_reload, "false")};
}

// What the service is made of, in the order in which it is loaded; each outlives those after it.
struct RagParts {
  ModelAccess access;
  SystemClock clock;
  std::unique_ptr<guardrails::OutputGuardrails> guardrails;
  std::unique_ptr<Embedders> embedders;
  vectordb::ClockStamps stamps;
  std::unique_ptr<vectordb::VectorStore> store;  // Null: the built-in one.
  std::unique_ptr<rag::Collections> collections;
  std::unique_ptr<llm::OpenAiClient> llm;
  std::unique_ptr<llm::RerankClient> reranker;
  std::unique_ptr<ragserver::RagService> service;
};

// Whoever starts a service may see what those who ask it may not.
std::unexpected<Error> with_detail(Error error) {
  if (!error.detail.empty()) error.message += fmt::format(" ({})", trim(error.detail));
  return fail(std::move(error));
}

Result<void> open_indexes(const RagOptions& options, RagParts& parts) {
  auto store = options.store.open(parts.access.transport(), parts.stamps);
  if (!store) return with_detail(store.error());
  parts.store = *std::move(store);
  embed::Embedder& embedder = parts.embedders->current();
  auto opened =
      parts.store != nullptr
          ? rag::Collections::open(options.data, *parts.store, embedder, options.ingest,
                                   parts.embedders->old())
          : rag::Collections::open(options.data, embedder, options.ingest, parts.embedders->old());
  if (!opened) return with_detail(opened.error());
  parts.collections = *std::move(opened);
  return {};
}

// Long: models and indexes are read. `warm_up` tells others meanwhile how far it is.
Result<void> load_parts(RagOptions& options, RagParts& parts, ragserver::WarmUp& warm_up) {
  warm_up.begin("guardrails policy");
  ASSIGN_OR_RETURN(parts.guardrails,
                   guardrails::OutputGuardrails::create(guardrails_of(options), parts.clock));
  warm_up.begin("embedder");
  ASSIGN_OR_RETURN(parts.embedders,
                   Embedders::load(parts.access, options.embedder, process_environment));
  warm_up.begin("indexes");
  RETURN_IF_ERROR(open_indexes(options, parts));
  if (!options.llm_url.empty()) {
    ASSIGN_OR_RETURN(parts.llm, llm::OpenAiClient::create(
                                    parts.access.transport(),
                                    {.url = options.llm_url, .bearer_token = options.llm_token}));
  }
  ragserver::RagServiceOptions& service = options.service;
  if (!options.rerank.url.empty()) {
    parts.reranker = std::make_unique<llm::RerankClient>(parts.access.transport(), options.rerank);
    service.reranker = parts.reranker.get();
  }
  service.chat.answer_mode = answer_mode_of(options.answers);
  service.chat.grounding =
      rag::parse_grounding_mode(options.grounding_mode).value_or(rag::GroundingMode::kStrict);
  service.chat.log.answers_max = answers_kept(options);
  RETURN_IF_ERROR(read_api_keys(options.api_keys, service));
  service.guardrails = parts.guardrails.get();
  service.embeddings = &parts.embedders->current();
  // Chats wait for a model: enough workers are left to those who do not.
  service.slow_requests_max =
      options.listen.workers -
      std::min(options.listen.workers - 1, std::max<std::size_t>(2, options.listen.workers / 8));
  warm_up.begin("service");
  service.start_stages = warm_up.stages();
  parts.service =
      std::make_unique<ragserver::RagService>(*parts.collections, parts.llm.get(), service);
  return {};
}

Result<net::HttpServerOptions> listener_of(const RagOptions& options) {
  net::HttpServerOptions listener = options.listen.listener(options.body_mib_max << 20);
  listener.connections_max = options.connections_max;
  listener.queue_max = options.queue_max;
  listener.request_timeout = std::chrono::seconds(options.request_timeout_s);
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return fail(ErrorCode::kInvalidArgument, "give both --tls-cert and --tls-key, or neither");
  }
  if (!options.tls_certificate.empty()) {
    ASSIGN_OR_RETURN(listener.certificate,
                     net::certificate_files(options.tls_certificate, options.tls_key));
  }
  return listener;
}

Result<void> run_rag(RagOptions options) {
  const ShutdownSignal shutdown;
  options.listen.set_log_format();
  ASSIGN_OR_RETURN(const net::HttpServerOptions listener, listener_of(options));
  obs::MetricRegistry registry;
  const Tracing tracing("rage-rag", registry);
  options.service.process_metrics = &registry;
  RagParts parts;
  ragserver::WarmUp warm_up(parts.clock);
  // Open from the start: who asks learns that it is starting, and how far it is.
  ASSIGN_OR_RETURN(
      const auto server,
      net::HttpServer::create(
          listener, tracing.around(ragserver::route_template,
                                   [&](const Context& context, const net::HttpRequest& request,
                                       net::ResponseWriter& writer) {
                                     warm_up.handle(context, request, writer);
                                   })));
  RETURN_IF_ERROR(load_parts(options, parts, warm_up));
  warm_up.finish([&service = *parts.service](
                     const Context& context, const net::HttpRequest& request,
                     net::ResponseWriter& writer) { service.handle(context, request, writer); });
  const char* scheme = listener.certificate ? "https" : "http";
  fmt::print("rage rag: ready on {}://{}:{}\n", scheme, listener.address, server->port());
  std::fflush(stdout);
  const auto names = parts.collections->names();
  obs::log().info("RAG service ready", {{"address", listener.address},
                                        {"port", server->port()},
                                        {"data", options.data},
                                        {"store", options.store.type},
                                        {"embedder", parts.embedders->current().id()},
                                        {"indexes", names ? names->size() : 0}});
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  server->drain(kRagDrainLimit);
  return {};
}

}  // namespace

void add_rag(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("rag", "The RAG service: KAITO's RAGEngine API and grounded chat");
  auto options = std::make_shared<RagOptions>();
  auto& service = options->service;
  options->listen.add_to(*command);
  command->add_option("--data", options->data, "Directory of the indexes, and of what is persisted")
      ->envname("DEFAULT_VECTOR_DB_PERSIST_DIR")
      ->capture_default_str();
  options->store.add_to(*command);
  options->embedder.add_to(*command);
  command
      ->add_option("--llm-url", options->llm_url, "OpenAI-compatible chat endpoint; none: no chat")
      ->envname("LLM_INFERENCE_URL");
  command
      ->add_option("--llm-token", options->llm_token,
                   "Bearer token for it; better set by the environment")
      ->envname("LLM_ACCESS_SECRET");
  command
      ->add_option("--reranker-url", options->rerank.url,
                   "Reranking service behind POST /v1/rerank: its .../v1/rerank, as Jina and "
                   "Cohere have it")
      ->envname("RAG_RERANKER_URL");
  command
      ->add_option("--reranker-token", options->rerank.bearer_token,
                   "Bearer token for it; better set by the environment")
      ->envname("RAG_RERANKER_TOKEN");
  command->add_option("--reranker-model", options->rerank.model, "Model to ask it for");
  command
      ->add_option(
          "--answers", options->answers,
          "auto: facts are composed from the sources, the model does the rest; model: the model "
          "always, verified; extractive: never a model")
      ->check(CLI::IsMember({"auto", "model", "extractive"}))
      ->capture_default_str();
  command
      ->add_option(
          "--grounding-mode", options->grounding_mode,
          "strict: only what a source supports; assist: the rest too, marked; off: KAITO's, "
          "unchecked. An index's setting and a request's grounding_mode win")
      ->envname("RAG_GROUNDING_MODE")
      ->check(CLI::IsMember({"strict", "assist", "off", "compat"}))
      ->capture_default_str();
  command
      ->add_flag("--constrain", service.chat.constrain,
                 "The model can only copy names, numbers and addresses from the sources: with "
                 "llama-server or vLLM, by a grammar (slower)")
      ->envname("RAG_CONSTRAIN");
  command
      ->add_option("--answers-kept", options->answers_kept,
                   "Answers that `rage explain` can explain; 0: none. Without it 256 on a loopback "
                   "address and none elsewhere")
      ->envname("RAG_ANSWERS_KEPT")
      ->check(CLI::Range(0, 100000));
  command
      ->add_option("--context-window", service.chat.context_tokens_max,
                   "Tokens of the model's context")
      ->envname("LLM_CONTEXT_WINDOW")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--context-fill", service.chat.context_token_ratio,
                   "Share of the context for sources")
      ->envname("RAG_CONTEXT_TOKEN_FILL_RATIO")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--distance-max", service.chat.distance_max,
                   "Grounding mode off alone: chunks whose squared distance from the question is "
                   "larger are not used; 0: all are")
      ->envname("RAG_SIMILARITY_THRESHOLD")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--top-k-max", service.top_k_max, "Largest max_node_count")
      ->envname("RAG_MAX_TOP_K")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--chunk-tokens", options->ingest.chunk_tokens_max,
                   "Tokens of a chunk; the embedder's limit if smaller")
      ->capture_default_str();
  command
      ->add_option("--api-keys", options->api_keys,
                   "File of keys, one a line: name, scopes (read,write,admin), SHA-256 of the key, "
                   "perhaps requests a minute. Writes are logged then, with the key's name")
      ->envname("RAG_API_KEYS");
  command->add_flag("--audit", service.audit, "Log each request that changes something");
  command->add_option("--body-mib-max", options->body_mib_max, "Largest request body, MiB")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command
      ->add_option("--connections-max", options->connections_max,
                   "Connections at most; further ones are closed")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command
      ->add_option("--queue-max", options->queue_max,
                   "Requests that may wait for a worker; further ones get 429 with Retry-After")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  command
      ->add_option("--request-timeout", options->request_timeout_s,
                   "Seconds that a request may take")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  command
      ->add_option("--tls-cert", options->tls_certificate,
                   "Certificate chain, PEM: HTTPS. A renewed file is taken without a restart")
      ->envname("RAG_TLS_CERT");
  command->add_option("--tls-key", options->tls_key, "Its key, PEM")->envname("RAG_TLS_KEY");
  command->add_option("--guardrails-policy", options->guardrails_policy,
                      "Policy (YAML) that what a model says is held to; reloaded when it changes");
  const auto from_environment = [&](const char* name, const char* variable, std::string& value) {
    command->add_option(name, value)->envname(variable)->group("");
  };
  from_environment("--output-guardrails-enabled", "OUTPUT_GUARDRAILS_ENABLED",
                   options->guardrails_enabled);
  from_environment("--output-guardrails-policy-path", "OUTPUT_GUARDRAILS_POLICY_PATH",
                   options->guardrails_path);
  from_environment("--output-guardrails-hot-reload-enabled", "OUTPUT_GUARDRAILS_HOT_RELOAD_ENABLED",
                   options->guardrails_reload);
  command->footer(
      "KAITO's environment variables are honoured; flags win.\n"
      "Examples:\n"
      "  rage rag --data ./storage --port 5000\n"
      "  LLM_INFERENCE_URL=http://127.0.0.1:8301/v1/chat/completions rage rag\n"
      "  rage rag --embedder hf://BAAI/bge-small-en-v1.5 --answers extractive");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run_rag(*options)); });
}

}  // namespace rage::app
