// `rage assistant`: the agent that people chat with.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "assistant/redis_store.h"
#include "assistant/service.h"
#include "assistant/sqlite_store.h"
#include "assistant/web.h"
#include "assistant_web.h"
#include "base/files.h"
#include "net/http_client.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "service_options.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kDrainLimit = 20s;
constexpr std::uint64_t kInstructionsBytesMax = 64 << 10;

struct AssistantOptions {
  ServiceOptions listen{.port = 8001};
  std::string data = "assistant";
  std::string redis_url;
  std::int64_t session_ttl_s = 0;
  std::string cors_origins = "http://localhost:3000";
  std::string instructions_file;
  assistant::UpstreamOptions upstream{.asks_for_stand_ins = true};
  assistant::PromptOptions prompt;
  assistant::ServiceOptions service;
};

Result<std::unique_ptr<assistant::HistoryStore>> open_store(const AssistantOptions& options,
                                                            Clock& clock) {
  const assistant::StoreOptions store{.ttl = std::chrono::seconds(options.session_ttl_s)};
  if (!options.redis_url.empty()) {
    ASSIGN_OR_RETURN(auto redis, assistant::parse_redis_url(options.redis_url));
    return std::make_unique<assistant::RedisStore>(std::move(redis), clock, store);
  }
  const auto file = std::filesystem::path(options.data) / "assistant.db";
  ASSIGN_OR_RETURN(auto opened, assistant::SqliteStore::open(file, clock, store));
  return std::unique_ptr<assistant::HistoryStore>(std::move(opened));
}

Result<void> complete(AssistantOptions& options) {
  if (options.upstream.base_url.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "no model to talk to: give --base-url or set OPENAI_BASE_URL, such as "
                "http://127.0.0.1:8000/v1");
  }
  if (!options.instructions_file.empty()) {
    ASSIGN_OR_RETURN(options.prompt.instructions,
                     read_file(options.instructions_file, kInstructionsBytesMax));
  }
  options.service.cors.origins = assistant::parse_origins(options.cors_origins);
  return {};
}

Result<void> run_assistant(AssistantOptions options) {
  const ShutdownSignal shutdown;
  options.listen.set_log_format();
  RETURN_IF_ERROR(complete(options));
  SystemClock clock;
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(const auto upstream,
                   assistant::Upstream::create(*transport, clock, options.upstream));
  obs::MetricRegistry registry;
  assistant::AssistantMetrics metrics(registry, options.prompt.model, options.upstream.base_url);
  std::unique_ptr<assistant::HistoryStore> store;
  std::unique_ptr<assistant::Turns> turns;
  std::unique_ptr<assistant::AssistantService> service;
  std::unique_ptr<assistant::WebService> page;
  // Listens first: until the history is open, a request hears that in a way it can wait for.
  std::atomic<const assistant::WebService*> current = nullptr;
  const net::HttpServerOptions listener = options.listen.listener(std::size_t{1} << 20);
  ASSIGN_OR_RETURN(
      const auto server,
      net::HttpServer::create(listener, [&](const Context& context, const net::HttpRequest& request,
                                            net::ResponseWriter& writer) {
        const auto* const serving = current.load();
        if (serving == nullptr) return (void)writer.send(assistant::not_initialized());
        if (serving->serves(request)) return serving->handle(context, request, writer);
        service->handle(context, request, writer);
      }));
  ASSIGN_OR_RETURN(store, open_store(options, clock));
  turns = std::make_unique<assistant::Turns>(*store, *upstream, metrics, clock, options.prompt);
  service = std::make_unique<assistant::AssistantService>(*turns, *store, *upstream, metrics,
                                                          registry, options.service);
  page = std::make_unique<assistant::WebService>(
      [&service = *service](const Context& context, const net::HttpRequest& request,
                            net::ResponseWriter& writer) {
        service.handle(context, request, writer);
      },
      clock, assistant::WebOptions{.beside_agent = true});
  current.store(page.get());
  fmt::print("rage assistant: ready on http://{}:{}\n", options.listen.address, server->port());
  std::fflush(stdout);
  obs::log().info("assistant ready", {{"address", options.listen.address},
                                      {"port", server->port()},
                                      {"base_url", options.upstream.base_url},
                                      {"model", options.prompt.model},
                                      {"index", options.prompt.index_name},
                                      {"history", options.redis_url.empty() ? "sqlite" : "redis"}});
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  server->drain(kDrainLimit);
  return {};
}

void add_upstream_options(CLI::App& command, AssistantOptions& options) {
  command
      .add_option("--base-url", options.upstream.base_url,
                  "Where the model or a RAG service answers; /chat/completions is appended")
      ->envname("OPENAI_BASE_URL");
  options.prompt.model = "gemma-3-27b-instruct";
  command.add_option("--model", options.prompt.model, "Model to ask for")
      ->envname("OPENAI_CHAT_MODEL_ID")
      ->capture_default_str();
  command
      .add_option("--api-key", options.upstream.api_key,
                  "Bearer token for it; better set by the environment")
      ->envname("OPENAI_API_KEY");
  command
      .add_option("--index", options.prompt.index_name,
                  "Index of the RAG service; with it every answer is grounded there")
      ->envname("RAG_INDEX_NAME");
  command.add_option("--instructions", options.instructions_file,
                     "File with what the assistant is told about itself");
  command
      .add_option("--answer-tokens", options.prompt.answer_tokens_max, "Most tokens of an answer")
      ->check(CLI::Range(16, 131072))
      ->capture_default_str();
  command
      .add_option("--history-tokens", options.prompt.history_tokens_max,
                  "Most tokens of earlier turns in a prompt, at four bytes each; the oldest are "
                  "left out")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
}

void add_store_options(CLI::App& command, AssistantOptions& options) {
  command.add_option("--data", options.data, "Folder of assistant.db, where there is no Redis")
      ->envname("RAGE_ASSISTANT_DATA")
      ->capture_default_str();
  command
      .add_option("--redis", options.redis_url,
                  "redis://[[user]:password@]host[:port][/database]: conversations are kept there, "
                  "as the demo's agent keeps them")
      ->envname("REDIS_URL");
  command
      .add_option(
          "--session-ttl", options.session_ttl_s,
          "Seconds after which a conversation that nobody goes on with is removed; 0: never")
      ->envname("REDIS_SESSION_TTL")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{10} * 365 * 86400))
      ->capture_default_str();
}

}  // namespace

void add_assistant(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("assistant", "The SCALE 23x Assistant: chat with memory, over HTTP");
  auto options = std::make_shared<AssistantOptions>();
  options->listen.add_to(*command);
  add_upstream_options(*command, *options);
  add_store_options(*command, *options);
  command
      ->add_option("--cors-origins", options->cors_origins,
                   "Origins whose pages may use it, separated by commas")
      ->envname("CORS_ORIGINS")
      ->capture_default_str();
  command
      ->add_flag("--log-content", options->service.log_content,
                 "Write questions and answers into the log")
      ->envname("ENABLE_SENSITIVE_DATA");
  command->footer(
      "The page to chat on is at / of the same address.\n"
      "The environment variables of the demo's agent are honoured; flags win.\n"
      "Examples:\n"
      "  rage assistant --base-url http://127.0.0.1:8000/v1 --model phi-4-mini-instruct\n"
      "  rage assistant --base-url http://127.0.0.1:8300/v1 --index schedule\n"
      "  REDIS_URL=redis://localhost:6379 rage assistant --base-url http://127.0.0.1:8300/v1\n"
      "  curl localhost:8001/chat -H 'content-type: application/json' \\\n"
      "    -d '{\"message\": \"Are there any sessions on KAITO?\"}'");
  add_assistant_web(*command, exit_code);
  command->callback([=, &exit_code] {
    if (!command->get_subcommands().empty()) return;  // `rage assistant web`.
    exit_code = exit_code_of(run_assistant(*options));
  });
}

}  // namespace rage::app
