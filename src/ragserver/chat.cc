#include "ragserver/chat.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "llm/upstream_status.h"
#include "obs/span.h"
#include "ragserver/answer_trace.h"
#include "ragserver/chat_model.h"
#include "ragserver/chat_reply.h"
#include "ragserver/responses.h"
#include "ragserver/validation.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using net::HttpResponse;

constexpr std::string_view kNoInference =
    "InferenceService not configured. This RAGEngine instance only supports document retrieve via "
    "/retrieve API. To use chat completions, configure an InferenceService in the RAGEngine spec.";

// A completion larger than this is no answer.
constexpr std::size_t kReplyBytesMax = std::size_t{64} << 20;

// Kept free beside sources: the rules of the prompt, and what the estimate of tokens is wrong by.
constexpr std::int64_t kReserveTokens = 150;

// About 4 bytes a token: the service does not know the model's own tokens.
std::int64_t estimated_tokens(const std::vector<rag::ChatTurn>& turns) {
  std::size_t bytes = 0;
  for (const rag::ChatTurn& turn : turns) bytes += turn.content.size();
  return static_cast<std::int64_t>(bytes / 4);
}

int send(net::ResponseWriter& writer, HttpResponse response) {
  const int status = response.status;
  (void)writer.send(std::move(response));
  return status;
}

// A refusal keeps the status that the model server gave it.
HttpResponse render_upstream_error(const Error& error) {
  HttpResponse response = render_error(error);
  response.status = llm::upstream_status(error).value_or(response.status);
  return response;
}

}  // namespace

std::size_t source_tokens(const ChatRequest& request, const ChatOptions& options) {
  const double answer = codec::number_or(
      request.body, "max_tokens",
      codec::number_or(request.body, "max_completion_tokens", kAnswerTokensDefault));
  const double taken = static_cast<double>(estimated_tokens(request.turns) + kReserveTokens) +
                       std::clamp(answer, 0.0, static_cast<double>(options.context_tokens_max));
  const double left = static_cast<double>(options.context_tokens_max) - taken;
  const double budget = std::max(0.0, left) * request.context_token_ratio;
  return std::min(options.source_tokens_max, static_cast<std::size_t>(budget));
}

ChatEndpoint::ChatEndpoint(rag::Collections& collections, llm::LlmClient* llm,
                           const ChatOptions& options)
    : collections_(collections),
      llm_(llm),
      options_(options),
      log_(options.log),
      stand_ins_([llm](const Context& context) { return llm->list_models(context); }) {}

int ChatEndpoint::handle(const Context& context, const net::HttpRequest& request,
                         net::ResponseWriter& writer) {
  if (llm_ == nullptr && options_.answer_mode != rag::AnswerMode::kExtractive) {
    return send(writer, render_error(503, kNoInference));
  }
  ValidationErrors errors;
  auto body = read_json_object(request, errors, BodyKind::kDictionary);
  if (!body) return send(writer, errors.response());
  auto chat = parse_chat_request(*std::move(body), options_);
  if (!chat) return send(writer, render_error(chat.error()));
  if (!chat->index_name.empty()) {
    const auto collection = collections_.find(chat->index_name);
    if (!collection) return send(writer, render_error(collection.error()));
  }
  if (!chat->pass_through) return answer(context, request, *chat, writer);
  if (llm_ == nullptr) return send(writer, render_error(503, kNoInference));
  return pass_through(context, request, writer);
}

Result<std::string> ChatEndpoint::model_of(const Context& context, const Json& body) {
  const std::string named = codec::string_or(body, "model", "");
  if (!named.empty()) return named;
  const std::string known = default_model_.with([](const std::string& model) { return model; });
  if (!known.empty()) return known;
  if (llm_ == nullptr) return std::string("extractive");
  ASSIGN_OR_RETURN(const auto models, llm_->list_models(context));
  if (models.empty()) return fail(ErrorCode::kUnavailable, "the inference service serves no model");
  stand_ins_.learn(models);
  default_model_.with([&](std::string& model) { model = models.front().id; });
  return models.front().id;
}

std::string ChatEndpoint::grammar_runtime(const Context& context) {
  if (!options_.constrain || llm_ == nullptr) return {};
  const auto known = runtime_.with([](const auto& runtime) { return runtime; });
  if (known) return *known;
  const auto models = llm_->list_models(context);
  if (!models) return {};  // Asked again next time.
  stand_ins_.learn(*models);
  std::string runtime = models->empty() ? std::string() : models->front().runtime;
  runtime_.with([&](auto& current) { current = runtime; });
  return runtime;
}

Result<rag::AnswerPlan> ChatEndpoint::plan(const Context& context, const ChatRequest& request,
                                           rag::Collection& collection, const rag::Corpus& corpus) {
  rag::GroundingOptions grounding{.mode = options_.answer_mode,
                                  .context_tokens_max = source_tokens(request, options_),
                                  .grounding = request.grounding.value_or(
                                      collection.grounding_mode().value_or(options_.grounding)),
                                  .distance_max = options_.distance_max};
  const bool off = grounding.grounding == rag::GroundingMode::kOff;
  const std::string question =
      off ? rag::open_question(request.turns) : rag::standalone_question(request.turns, corpus);
  ASSIGN_OR_RETURN(const auto hits,
                   collections_.retrieve(context, collection, question,
                                         request.candidates_max.value_or(options_.candidates_max),
                                         request.filter));
  rag::AnswerPlan plan = rag::plan_answer(request.turns, hits, corpus, grounding);
  if (!plan.undecided) return plan;
  grounding.sentences = rag::near_sentences(hits, corpus);
  if (grounding.sentences.empty()) return plan;
  RETURN_IF_ERROR(collections_.compare(context, question, grounding.sentences));
  return rag::plan_answer(request.turns, hits, corpus, grounding);
}

int ChatEndpoint::answer(const Context& context, const net::HttpRequest& http,
                         const ChatRequest& request, net::ResponseWriter& writer) {
  const auto collection = collections_.find(request.index_name);
  if (!collection) return send(writer, render_error(collection.error()));
  if (estimated_tokens(request.turns) > options_.context_tokens_max) {
    return send(writer, render_error(400, "Prompt length exceeds context window."));
  }
  obs::current_span().set("rage.index", request.index_name);
  const auto corpus = (*collection)->corpus(request.filter);
  const auto plan = this->plan(context, request, **collection, *corpus);
  if (!plan) return send(writer, render_error(plan.error()));
  const bool unchecked = plan->grounding == rag::GroundingMode::kOff;
  if (unchecked && llm_ == nullptr) return send(writer, render_error(503, kNoInference));
  if (plan->kind == rag::PlanKind::kBareModel) return pass_through(context, http, writer);
  const bool asks_model = plan->kind == rag::PlanKind::kAskModel && llm_ != nullptr;
  const std::string named = codec::string_or(request.body, "model", "extractive");
  const auto model = asks_model ? model_of(context, request.body) : Result<std::string>(named);
  if (!model) return send(writer, render_upstream_error(model.error()));

  const Envelope envelope = Envelope::create(*model);
  ChunkStream stream(envelope, writer);
  const bool declined = plan->kind == rag::PlanKind::kAbstain || !plan->lead.empty();
  Outcome outcome{.mode = declined ? "abstained" : "composed",
                  .answer = plan->answer,
                  .citations = plan->citations,
                  .sentences = {}};
  if (!asks_model && plan->kind == rag::PlanKind::kComposed)
    outcome.sentences = rag::report_composed(*plan, *corpus);
  if (asks_model) {
    const auto show = [&](const std::string& text) {
      return !request.stream || stream.send_text(text);
    };
    Json body = upstream_body(request, *plan, *model);
    const bool constrained = add_grammar(body, grammar_runtime(context), *plan);
    auto asked = ask_model(context, *llm_, body, *plan, *corpus, show);
    if (constrained && !asked && asked.error().code == ErrorCode::kInvalidArgument) {
      // A server that has no grammars after all; nothing has been shown yet.
      asked =
          ask_model(context, *llm_, upstream_body(request, *plan, *model), *plan, *corpus, show);
    }
    if (!asked && asked.error().code == ErrorCode::kCancelled) return 499;
    if (!asked) return send(writer, render_upstream_error(asked.error()));
    outcome = *std::move(asked);
    outcome.stand_in = stand_ins_.find(context, *model);
  } else if (request.stream) {
    (void)stream.send_text(outcome.answer);
  }
  obs::current_span().set("rage.answer.mode", outcome.mode);
  obs::current_span().set("rage.answer.citations", outcome.citations.size());
  if (log_.enabled()) log_.put(render_trace(envelope, request, *plan, outcome));
  if (request.stream) {
    stream.end(request, *plan, outcome);
    return 200;
  }
  const Json completion = render_completion(envelope, request, *plan, outcome);
  return send(writer, HttpResponse::json(200, codec::render_json(completion)));
}

int ChatEndpoint::pass_through(const Context& context, const net::HttpRequest& request,
                               net::ResponseWriter& writer) {
  int status = 200;
  bool streaming = false;
  bool begun = false;
  std::string body;
  const auto on_head = [&](const llm::RawReply& head) {
    status = head.status;
    streaming = status == 200 && head.content_type.starts_with("text/event-stream");
    if (!streaming) return true;
    begun = true;
    return writer
        .begin(200, {{"content-type", "text/event-stream; charset=utf-8"},
                     {"cache-control", "no-cache"},
                     {"x-accel-buffering", "no"}})
        .has_value();
  };
  const auto on_bytes = [&](std::string_view bytes) {
    if (streaming) return writer.write(bytes).has_value();
    body.append(bytes);
    return body.size() <= kReplyBytesMax;
  };
  const Result<void> forwarded = llm_->forward(context, request.body, on_head, on_bytes);
  if (begun) {
    if (!forwarded) writer.abort();  // No clean end: the caller must see that it broke off.
    return status;
  }
  if (!forwarded) return send(writer, render_error(forwarded.error()));
  if (status != 200) return send(writer, render_error(status, body));
  auto completion = codec::parse_json(body);
  if (!completion || !completion->is_object()) {
    return send(writer, render_error(502, "the inference service's reply is not a JSON object"));
  }
  if (!completion->contains("source_nodes")) (*completion)["source_nodes"] = nullptr;
  return send(writer, HttpResponse::json(200, codec::render_json(*completion)));
}

}  // namespace rage::ragserver
