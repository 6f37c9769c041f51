#include "simulator/sim_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/sha256.h"
#include "net/http_server.h"
#include "net/tracing.h"
#include "simulator/api_reply.h"
#include "simulator/api_request.h"
#include "simulator/engine_runner.h"
#include "simulator/kv_journal.h"
#include "simulator/kv_publisher.h"
#include "simulator/prompt.h"
#include "simulator/reply_writer.h"
#include "simulator/vllm_metrics.h"

namespace rage::simulator {
namespace {

using net::HttpResponse;

// Threads beyond those for requests, so that probes and scrapes never wait behind streams.
constexpr std::size_t kSpareWorkers = 16;
constexpr std::chrono::hours kRequestTimeout(24);

std::optional<Api> api_of(std::string_view path) {
  if (path == "/v1/chat/completions") return Api::kChat;
  if (path == "/v1/completions") return Api::kCompletions;
  if (path == "/v1/embeddings") return Api::kEmbeddings;
  return std::nullopt;
}

HttpResponse error_response(int status, std::string_view message) {
  return HttpResponse::json(status, render_error(status, message));
}

class Server final : public SimServer {
 public:
  explicit Server(const SimServerOptions& options)
      : options_(options),
        journal_(KvJournal(options.engine.block_tokens, options.engine.blocks)),
        runner_(options.engine, options.time_scale, on_cache()),
        metrics_(options.model, options.engine),
        created_(unix_seconds(clock_.wall_now())) {}

  Result<void> listen() {
    if (options_.kv_events_port) {
      const std::string name = options_.name.empty() ? "sim-model" : options_.name;
      ASSIGN_OR_RETURN(publisher_,
                       KvPublisher::create({.address = options_.address,
                                            .port = *options_.kv_events_port,
                                            .topic = "kv@" + name + "@" + options_.model}));
    }
    const net::HttpServerOptions listener{.address = options_.address,
                                          .port = options_.port,
                                          .connections_max = 2 * options_.requests_max + 256,
                                          .body_bytes_max = options_.body_bytes_max,
                                          .request_timeout = kRequestTimeout,
                                          .workers = options_.requests_max + kSpareWorkers,
                                          .queue_max = options_.requests_max + 256};
    net::HttpHandler handler = [this](const Context& context, const net::HttpRequest& request,
                                      net::ResponseWriter& writer) {
      handle(context, request, writer);
    };
    if (options_.tracer != nullptr) {
      const auto route_of = [](const net::HttpRequest& request) {
        return api_of(request.path) ? request.path : std::string();
      };
      handler = net::traced(*options_.tracer, route_of, std::move(handler));
    }
    ASSIGN_OR_RETURN(http_, net::HttpServer::create(listener, std::move(handler)));
    port_.store(http_->port());
    return {};
  }

  std::uint16_t port() const override { return port_.load(); }
  std::uint16_t kv_events_port() const override { return publisher_ ? publisher_->port() : 0; }
  void drain(std::chrono::milliseconds limit) override { http_->drain(limit); }

 private:
  EngineRunner::OnCache on_cache() {
    if (!options_.kv_events_port) return {};
    return [this](std::span<const CacheChange> changes) {
      std::string batch = journal_.with([&](KvJournal& journal) { return journal.batch(changes); });
      if (!batch.empty()) publisher_->publish(std::move(batch));
    };
  }

  // Before the engine sees it.
  void note(const Input& input, const Prompt& prompt, std::string_view adapter) {
    if (!options_.kv_events_port) return;
    std::string_view bytes;
    if (const auto* text = std::get_if<std::string>(&input)) {
      bytes = *text;
    } else {
      const auto& tokens = std::get<std::vector<std::uint32_t>>(input);
      bytes = {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(tokens[0])};
    }
    journal_.with([&](KvJournal& journal) { journal.learn(prompt.blocks, bytes, adapter); });
  }

  void handle(const Context& context, const net::HttpRequest& request,
              net::ResponseWriter& writer) {
    if (const auto api = api_of(request.path)) {
      if (request.method != "POST") return send(writer, error_response(405, "use POST"));
      return handle_model(context, *api, request, writer);
    }
    if (request.method != "GET" && request.method != "HEAD") {
      return send(writer, error_response(404, "no such path"));
    }
    if (request.path == "/health" || request.path == "/ping") return send(writer, {});
    if (request.path == "/v1/models") return send(writer, HttpResponse::json(200, models()));
    if (request.path == "/version") {
      return send(writer, HttpResponse::json(200, R"({"version":"simulated"})"));
    }
    if (request.path == "/metrics") {
      return send(writer, {.headers = {{"content-type", std::string(obs::kMetricsContentType)}},
                           .body = render_metrics()});
    }
    send(writer, error_response(404, "no such path"));
  }

  // A client that has gone needs no answer.
  void send(net::ResponseWriter& writer, HttpResponse response) const {
    if (!options_.name.empty()) response.headers.set("x-sim-name", options_.name);
    (void)writer.send(std::move(response));
  }

  std::string models() const {
    std::vector<ModelCard> cards = {
        {.id = options_.model, .parent = "", .tokens_max = options_.context_tokens}};
    for (const std::string& adapter : options_.adapters) {
      cards.push_back(
          {.id = adapter, .parent = options_.model, .tokens_max = options_.context_tokens});
    }
    return render_models(cards, created_);
  }

  std::string render_metrics() {
    const EngineState state = runner_.state();
    MutexLock lock(metrics_mutex_);
    return metrics_.render(state, clock_.wall_now());
  }

  void handle_model(const Context& context, Api api, const net::HttpRequest& request,
                    net::ResponseWriter& writer) {
    const std::size_t now_served = served_.fetch_add(1, std::memory_order_relaxed);
    if (now_served >= options_.requests_max) {
      send(writer, error_response(503, "the server has as many requests as it may"));
    } else if (auto failure = failure_for(request); !failure) {
      send(writer, error_response(400, failure.error().message));
    } else {
      serve(context, api, request, *failure, writer);
    }
    served_.fetch_sub(1, std::memory_order_relaxed);
  }

  // What goes wrong with this request, if anything.
  Result<std::optional<Failure>> failure_for(const net::HttpRequest& request) {
    const std::string_view wanted = request.headers.find("x-sim-fail");
    if (!wanted.empty()) {
      ASSIGN_OR_RETURN(const Failure failure, parse_failure(wanted));
      return std::optional(failure);
    }
    const std::uint64_t number = requests_.fetch_add(1, std::memory_order_relaxed);
    return draw_failure(options_.failures, unit_interval(mix(options_.seed, number)));
  }

  void serve(const Context& context, Api api, const net::HttpRequest& request,
             const std::optional<Failure>& failure, net::ResponseWriter& writer) {
    if (failure && failure->kind == Failure::Kind::kStatus) {
      return send(writer, error_response(static_cast<int>(failure->number), "simulated failure"));
    }
    if (failure && failure->kind == Failure::Kind::kResetBeforeHeaders) return writer.abort();
    if (failure && failure->kind == Failure::Kind::kHang) {
      return wait_until_left(context, writer);
    }
    const auto parsed = parse_api_request(api, request.body);
    if (!parsed) return send(writer, error_response(400, parsed.error().message));
    const std::string& model = parsed->model.empty() ? options_.model : parsed->model;
    const bool is_adapter = std::ranges::count(options_.adapters, model) > 0;
    if (model != options_.model && !is_adapter) {
      return send(writer,
                  error_response(404, fmt::format("The model `{}` does not exist.", model)));
    }
    ServedReply reply{.request = *parsed,
                      .failure = failure,
                      .server_name = options_.name,
                      .body_sha256 = sha256_hex(request.body)};
    generate(context, model, is_adapter, std::move(reply), writer);
  }

  void generate(const Context& context, const std::string& model, bool is_adapter,
                ServedReply reply, net::ResponseWriter& writer) {
    const ApiRequest& request = reply.request;
    const std::string salt = model + '\n' + request.cache_salt;
    std::vector<EngineRequest> sequences;
    std::vector<OutputPlan> plans;
    for (const Input& input : request.inputs) {
      Prompt prompt = prompt_of(input, salt);
      if (prompt.tokens >= options_.context_tokens) {
        return send(writer,
                    error_response(400, fmt::format("This model's maximum context length is {} "
                                                    "tokens. However, you requested {} tokens.",
                                                    options_.context_tokens, prompt.tokens)));
      }
      OutputPlan plan;
      if (request.api != Api::kEmbeddings) {
        plan = plan_output(request, options_.context_tokens - prompt.tokens, natural(prompt));
      }
      reply.prompt_tokens += prompt.tokens;
      plans.push_back(plan);
      // A salt would have to be told, too; blocks that nobody knows of are not.
      if (request.cache_salt.empty()) note(input, prompt, is_adapter ? model : "");
      sequences.push_back({.prompt_blocks = std::move(prompt.blocks),
                           .prompt_tokens = prompt.tokens,
                           .output_tokens = plan.tokens,
                           .adapter = is_adapter ? model : "",
                           .prefilled_elsewhere = request.prefilled_by.has_value()});
    }
    reply.plans = std::move(plans);
    reply.embedding_dimensions = request.dimensions.value_or(options_.embedding_dimensions);
    reply.head = {.api = request.api,
                  .id = id_prefix(request.api) + context.request_id,
                  .model = model,
                  .created = unix_seconds(clock_.wall_now()),
                  .handover = handover_of(request, sequences)};
    const auto generation = runner_.start(std::move(sequences));
    metrics_.observe(write_reply(context, reply, *generation, writer));
  }

  // The cache keeps the blocks, as far as there is room: nobody fetches them from here.
  std::optional<KvHandover> handover_of(const ApiRequest& request,
                                        const std::vector<EngineRequest>& sequences) const {
    if (!request.for_remote_decode) return std::nullopt;
    std::uint64_t blocks = 0;
    for (const EngineRequest& sequence : sequences) {
      blocks += (sequence.prompt_tokens + options_.engine.block_tokens - 1) /
                options_.engine.block_tokens;
    }
    return KvHandover{.engine = options_.name.empty() ? "sim-model" : options_.name,
                      .host = options_.address,
                      .port = port(),
                      .blocks = blocks};
  }

  static std::string id_prefix(Api api) {
    return api == Api::kChat ? "chatcmpl-" : api == Api::kCompletions ? "cmpl-" : "embd-";
  }

  Prompt prompt_of(const Input& input, std::string_view salt) const {
    const std::uint32_t block = options_.engine.block_tokens;
    if (const auto* text = std::get_if<std::string>(&input)) {
      return prompt_of_text(*text, salt, block);
    }
    return prompt_of_tokens(std::get<std::vector<std::uint32_t>>(input), salt, block);
  }

  // Where the model would stop: the same prompt always gets the same length.
  std::uint64_t natural(const Prompt& prompt) const {
    const std::uint64_t tail = prompt.blocks.empty() ? 0 : prompt.blocks.back();
    const double share = 0.5 + unit_interval(mix(tail, prompt.tokens));
    const double tokens = share * static_cast<double>(options_.output_tokens_mean);
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(tokens));
  }

  const SimServerOptions options_;
  const SystemClock clock_;
  Guarded<KvJournal> journal_;
  std::unique_ptr<KvPublisher> publisher_;  // Null: events are not wanted.
  EngineRunner runner_;
  VllmMetrics metrics_;
  Mutex metrics_mutex_;  // One render at a time.
  const std::int64_t created_;
  std::atomic<std::size_t> served_ = 0;
  std::atomic<std::uint64_t> requests_ = 0;
  // Requests come before http_ is set.
  std::atomic<std::uint16_t> port_ = options_.port;
  std::unique_ptr<net::HttpServer> http_;  // Last: its threads use all of the above.
};

}  // namespace

Result<void> SimServerOptions::validate() const {
  RETURN_IF_ERROR(engine.validate());
  const auto check = [](bool valid, std::string_view what) -> Result<void> {
    if (valid) return {};
    return fail(ErrorCode::kInvalidArgument, "{}", what);
  };
  RETURN_IF_ERROR(check(!model.empty(), "the model needs a name"));
  std::set<std::string_view> names(adapters.begin(), adapters.end());
  RETURN_IF_ERROR(
      check(names.size() == adapters.size() && !names.contains(model) && !names.contains(""),
            "models and adapters need different names"));
  RETURN_IF_ERROR(check(std::isfinite(time_scale) && time_scale >= 1e-3 && time_scale <= 1e6,
                        "the time scale must be from 0.001 to 1000000"));
  RETURN_IF_ERROR(check(requests_max > 0 && requests_max <= 32'000,
                        "there must be 1 to 32000 requests at once"));
  RETURN_IF_ERROR(check(context_tokens <= engine.blocks * engine.block_tokens,
                        "the context is longer than the KV cache"));
  double chance = 0;
  for (const FailureRule& rule : failures) chance += rule.probability;
  return check(chance <= 1 + 1e-9, "the failures' probabilities add up to more than 1");
}

Result<std::unique_ptr<SimServer>> SimServer::create(const SimServerOptions& options) {
  RETURN_IF_ERROR(options.validate());
  auto server = std::make_unique<Server>(options);
  RETURN_IF_ERROR(server->listen());
  return server;
}

}  // namespace rage::simulator
