// `rage assistant`: the agent that people chat with.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "assistant/operator_desk.h"
#include "assistant/page_theme.h"
#include "assistant/rag_client.h"
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
#include "tracing.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kAssistantDrainLimit = 20s;
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
  std::string direct_url;
  std::string rag_url;
  std::string theme_file;
  bool admin = false;
  assistant::OperatorOptions desk;
};

// Where the machine has no tzdata, as in a small image, the conference's own zone is known.
constexpr const char* kZonesFolder = "/usr/share/zoneinfo";
constexpr const char* kConferenceZone = "America/Los_Angeles";
constexpr const char* kConferenceRule = "PST8PDT,M3.2.0,M11.1.0";

Result<TimeZone> load_zone(const std::string& name) {
  auto zone = TimeZone::load(kZonesFolder, name);
  if (!zone && name == kConferenceZone) return TimeZone::of_rule(kConferenceRule);
  return zone;
}

// The operator's page has no login.
Result<void> check_admin(const AssistantOptions& options) {
  if (!options.admin) return {};
  const std::string& address = options.listen.address;
  if (address == "127.0.0.1" || address == "::1" || address == "localhost") return {};
  return fail(ErrorCode::kInvalidArgument,
              "--admin has no login and so needs --address 127.0.0.1, not {}; reach it through "
              "ssh -L or kubectl port-forward",
              address);
}

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
  options.service.index_name = options.prompt.index_name;
  ASSIGN_OR_RETURN(options.service.zone, load_zone(options.service.zone_name));
  if (options.rag_url.empty()) {
    options.rag_url = assistant::rag_root_of(options.upstream.base_url);
  }
  RETURN_IF_ERROR(check_admin(options));
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
  assistant::UpstreamOptions direct_options = options.upstream;
  if (!options.direct_url.empty()) direct_options.base_url = options.direct_url;
  ASSIGN_OR_RETURN(const auto direct,
                   assistant::Upstream::create(*transport, clock, direct_options));
  assistant::RagClient rag(*transport, clock, options.rag_url, options.upstream.api_key);
  options.service.rag = &rag;
  const assistant::OperatorDesk desk(rag, options.desk);
  assistant::WebOptions web{
      .beside_agent = true, .theme = {}, .desk = options.admin ? &desk : nullptr};
  if (!options.theme_file.empty()) {
    ASSIGN_OR_RETURN(web.theme, assistant::load_theme(options.theme_file));
  }
  obs::MetricRegistry registry;
  const Tracing tracing("rage-assistant", registry);
  assistant::AssistantMetrics metrics(registry, options.prompt.model, options.upstream.base_url);
  std::unique_ptr<assistant::HistoryStore> store;
  std::unique_ptr<assistant::Turns> turns;
  std::unique_ptr<assistant::AssistantService> service;
  std::unique_ptr<assistant::WebService> page;
  // Listens first: until the history is open, a request hears that in a way it can wait for.
  std::atomic<const assistant::WebService*> current = nullptr;
  const std::size_t body_bytes_max = std::size_t{options.admin ? 16U : 1U} << 20;  // Uploads.
  const net::HttpServerOptions listener = options.listen.listener(body_bytes_max);
  ASSIGN_OR_RETURN(
      const auto server,
      net::HttpServer::create(
          listener, tracing.around(assistant::route_template,
                                   [&](const Context& context, const net::HttpRequest& request,
                                       net::ResponseWriter& writer) {
                                     const auto* const serving = current.load();
                                     if (serving == nullptr)
                                       return (void)writer.send(assistant::not_initialized());
                                     if (serving->serves(request))
                                       return serving->handle(context, request, writer);
                                     service->handle(context, request, writer);
                                   })));
  ASSIGN_OR_RETURN(store, open_store(options, clock));
  turns = std::make_unique<assistant::Turns>(*store, *upstream, metrics, clock, options.prompt,
                                             direct.get());
  service = std::make_unique<assistant::AssistantService>(*turns, *store, *upstream, metrics,
                                                          registry, options.service);
  page = std::make_unique<assistant::WebService>(
      [&service = *service](const Context& context, const net::HttpRequest& request,
                            net::ResponseWriter& writer) {
        service.handle(context, request, writer);
      },
      clock, std::move(web));
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
  server->drain(kAssistantDrainLimit);
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

void add_page_options(CLI::App& command, AssistantOptions& options) {
  command
      .add_option("--direct-url", options.direct_url,
                  "Where the model alone answers, for what is asked without sources; without it "
                  "the same as --base-url, asked without an index")
      ->envname("OPENAI_DIRECT_BASE_URL");
  command
      .add_option("--rag-url", options.rag_url,
                  "Where the RAG service has /indexes, for the timetable and the operator's page; "
                  "without it --base-url less its /v1")
      ->envname("RAG_SERVICE_URL");
  options.service.zone_name = kConferenceZone;
  command
      .add_option("--time-zone", options.service.zone_name,
                  "Of the times in the schedule, for calendars")
      ->envname("RAGE_TIME_ZONE")
      ->capture_default_str();
  command
      .add_option("--theme", options.theme_file,
                  "File, JSON or YAML, with the page's title, logo, colours, texts and examples")
      ->envname("RAGE_THEME");
  command.add_flag("--admin", options.admin,
                   "Serve the operator's page at /operator; on a loopback address alone");
  command.add_option("--reports", options.desk.reports,
                     "Folder with reports of `rage eval --json`, for the operator's page");
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
  add_page_options(*command, *options);
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
