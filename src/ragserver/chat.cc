#include "ragserver/chat.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "base/strings.h"
#include "codec/sse.h"
#include "obs/log.h"
#include "ragserver/responses.h"
#include "ragserver/validation.h"

namespace rage::ragserver {
namespace {

using codec::Json;
using net::HttpResponse;

constexpr int kAnswerTokensDefault = 400;

constexpr std::string_view kNoInference =
    "InferenceService not configured. This RAGEngine instance only supports document retrieve via "
    "/retrieve API. To use chat completions, configure an InferenceService in the RAGEngine spec.";

// A completion larger than this is no answer.
constexpr std::size_t kReplyBytesMax = std::size_t{64} << 20;

// KAITO's clients see the squared Euclidean distance of unit vectors here: 2 - 2 cos.
float squared_distance(const rag::RetrievedChunk& hit) {
  return std::max(0.0F, 2.0F - 2.0F * hit.dense_score.value_or(0.0F));
}

Json render_source_nodes(const std::vector<rag::RetrievedChunk>& sources) {
  Json nodes = Json::array();
  for (const rag::RetrievedChunk& hit : sources) {
    nodes.push_back({{"doc_id", hit.chunk.doc_id},
                     {"node_id", hit.chunk.node_id},
                     {"text", hit.chunk.text},
                     {"score", squared_distance(hit)},
                     {"dense_score", nullptr},
                     {"sparse_score", nullptr},
                     {"source", nullptr},
                     {"metadata", hit.chunk.metadata}});
  }
  return nodes;
}

Json render_citations(const std::vector<rag::Citation>& citations) {
  Json list = Json::array();
  for (const rag::Citation& citation : citations) {
    list.push_back({{"number", citation.number},
                    {"doc_id", citation.doc_id},
                    {"title", citation.title},
                    {"url", citation.url}});
  }
  return list;
}

// How an answer came about, for the reply's `grounding` object.
struct Outcome {
  std::string_view mode;  // "abstained", "composed", "model", "fallback"
  std::string answer;
  std::vector<rag::Citation> citations;
  std::vector<rag::SentenceReport> sentences;
  Json usage = nullptr;
};

Json render_grounding(const rag::AnswerPlan& plan, const Outcome& outcome) {
  Json sentences = Json::array();
  for (const rag::SentenceReport& report : outcome.sentences) {
    const bool kept = report.verdict == rag::Verdict::kSupported;
    sentences.push_back({{"text", report.sentence},
                         {"verdict", kept ? "supported" : "unsupported"},
                         {"citations", report.citations},
                         {"reason", report.reason}});
  }
  return {{"mode", outcome.mode},
          {"question", plan.standalone_question},
          {"citations", render_citations(outcome.citations)},
          {"sentences", std::move(sentences)}};
}

// The parts that every chunk and the whole completion share.
struct Envelope {
  std::string id;
  std::int64_t created = 0;
  std::string model;

  static Envelope create(std::string model) {
    std::string id = random_uuid();
    std::erase(id, '-');
    const auto now = std::chrono::system_clock::now();
    return {.id = std::move(id), .created = unix_seconds(now), .model = std::move(model)};
  }

  Json chunk(Json delta, Json finish_reason) const {
    return {{"id", id},
            {"object", "chat.completion.chunk"},
            {"created", created},
            {"model", model},
            {"choices", Json::array({{{"index", 0},
                                      {"delta", std::move(delta)},
                                      {"logprobs", nullptr},
                                      {"finish_reason", std::move(finish_reason)}}})}};
  }
};

// About 4 bytes a token: used only where no model counted.
Json estimated_usage(const ChatRequest& request, std::string_view answer) {
  std::size_t prompt = 0;
  for (const rag::ChatTurn& turn : request.turns) prompt += turn.content.size() / 4 + 1;
  const std::size_t completion = answer.size() / 4 + 1;
  return {{"completion_tokens", completion},
          {"prompt_tokens", prompt},
          {"total_tokens", prompt + completion},
          {"completion_tokens_details", nullptr},
          {"prompt_tokens_details", nullptr}};
}

Json render_completion(const Envelope& envelope, const ChatRequest& request,
                       const rag::AnswerPlan& plan, const Outcome& outcome) {
  const Json message = {{"content", outcome.answer}, {"refusal", nullptr},
                        {"role", "assistant"},       {"annotations", nullptr},
                        {"audio", nullptr},          {"function_call", nullptr},
                        {"tool_calls", nullptr}};
  const Json usage =
      outcome.usage.is_object() ? outcome.usage : estimated_usage(request, outcome.answer);
  return {{"id", envelope.id},
          {"choices", Json::array({{{"finish_reason", "stop"},
                                    {"index", 0},
                                    {"logprobs", nullptr},
                                    {"message", message}}})},
          {"created", envelope.created},
          {"model", envelope.model},
          {"object", "chat.completion"},
          {"service_tier", nullptr},
          {"system_fingerprint", nullptr},
          {"usage", usage},
          {"source_nodes", render_source_nodes(plan.sources)},
          {"grounding", render_grounding(plan, outcome)}};
}

// Sends verified text as OpenAI chunks; begins with the first piece, so that an upstream that fails
// before it still gets a proper error status.
class ChunkStream final {
 public:
  ChunkStream(const Envelope& envelope, net::ResponseWriter& writer)
      : envelope_(envelope), writer_(writer) {}

  bool send_text(std::string_view text) {
    if (!begin()) return false;
    return text.empty() || send(envelope_.chunk({{"content", text}}, nullptr));
  }

  void end(const ChatRequest& request, const rag::AnswerPlan& plan, const Outcome& outcome) {
    if (!begin()) return;
    Json last = envelope_.chunk(Json::object(), "stop");
    last["source_nodes"] = render_source_nodes(plan.sources);
    last["grounding"] = render_grounding(plan, outcome);
    if (!send(last)) return;
    const Json* options = codec::find_key(request.body, "stream_options");
    const Json* wanted = options == nullptr ? nullptr : codec::find_key(*options, "include_usage");
    if (wanted != nullptr && wanted->is_boolean() && wanted->get<bool>()) {
      Json usage = envelope_.chunk(Json::object(), nullptr);
      usage["choices"] = Json::array();
      usage["usage"] =
          outcome.usage.is_object() ? outcome.usage : estimated_usage(request, outcome.answer);
      if (!send(usage)) return;
    }
    (void)writer_.write("data: [DONE]\n\n");
  }

 private:
  bool begin() {
    if (begun_) return true;
    begun_ = true;
    const auto begun = writer_.begin(200, {{"content-type", "text/event-stream; charset=utf-8"},
                                           {"cache-control", "no-cache"},
                                           {"x-accel-buffering", "no"}});
    return begun && send(envelope_.chunk({{"role", "assistant"}, {"content", ""}}, nullptr));
  }
  bool send(const Json& chunk) {
    return writer_.write(codec::render_sse(codec::render_json(chunk))).has_value();
  }

  const Envelope& envelope_;
  net::ResponseWriter& writer_;
  bool begun_ = false;
};

// The caller's parameters go through; what concerns retrieval does not, and the prompt is ours.
Json upstream_body(const ChatRequest& request, const rag::AnswerPlan& plan,
                   const std::string& model) {
  Json body = request.body;
  for (const char* ours : {"index_name", "context_token_ratio", "stream", "tools", "functions"}) {
    body.erase(ours);
  }
  body["model"] = model;
  // Without a bound a small model talks until its context is full.
  if (!body.contains("max_tokens") && !body.contains("max_completion_tokens")) {
    body["max_tokens"] = kAnswerTokensDefault;
  }
  Json messages = Json::array();
  for (const rag::ChatTurn& turn : plan.prompt) {
    messages.push_back({{"role", turn.role}, {"content", turn.content}});
  }
  body["messages"] = std::move(messages);
  return body;
}

std::string delta_text(const Json& chunk) {
  const Json* choices = codec::find_key(chunk, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) return {};
  const Json* delta = codec::find_key((*choices)[0], "delta");
  return delta == nullptr ? std::string() : codec::string_or(*delta, "content", "");
}

// The model's answer, sentence by sentence through the verifier; `show` gets what may be shown and
// says whether the caller still listens. kCancelled once it does not. A model that breaks off after
// something was shown leaves what was verified; before that its error is returned.
Result<Outcome> ask(const Context& context, llm::LlmClient& llm, const Json& body,
                    const rag::AnswerPlan& plan, const rag::Corpus& corpus,
                    const std::function<bool(const std::string&)>& show) {
  const auto verifier = rag::AnswerVerifier::create(plan, corpus);
  Outcome outcome{.mode = "model", .answer = {}, .citations = {}, .sentences = {}};
  bool caller_left = false;
  const auto on_chunk = [&](const Json& chunk) {
    const Json* usage = codec::find_key(chunk, "usage");
    if (usage != nullptr && usage->is_object()) outcome.usage = *usage;
    const std::string verified = verifier->feed(delta_text(chunk));
    outcome.answer += verified;
    caller_left = !verified.empty() && !show(verified);
    return !caller_left;
  };
  const Result<void> streamed = llm.stream(context, body, on_chunk);
  if (caller_left) return fail(ErrorCode::kCancelled, "the caller has gone");
  if (!streamed && outcome.answer.empty()) return fail(streamed.error());
  if (!streamed) {
    obs::log().warn("the model's answer broke off", {{"error", streamed.error().message}});
  }
  const std::string rest = verifier->finish();
  outcome.answer += rest;
  if (!rest.empty()) (void)show(rest);
  if (verifier->fell_back()) outcome.mode = "fallback";
  outcome.citations = verifier->citations();
  outcome.sentences = verifier->report();
  return outcome;
}

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

}  // namespace

ChatEndpoint::ChatEndpoint(rag::Collections& collections, llm::LlmClient* llm,
                           const ChatOptions& options)
    : collections_(collections), llm_(llm), options_(options) {}

int ChatEndpoint::handle(const Context& context, const net::HttpRequest& request,
                         net::ResponseWriter& writer) {
  if (llm_ == nullptr && options_.answer_mode != rag::AnswerMode::kExtractive) {
    return send(writer, render_error(503, kNoInference));
  }
  ValidationErrors errors;
  auto body = read_json_object(request, errors);
  if (!body) return send(writer, errors.response());
  auto chat = parse_chat_request(*std::move(body), options_);
  if (!chat) return send(writer, render_error(chat.error()));
  if (!chat->index_name.empty()) {
    const auto collection = collections_.find(chat->index_name);
    if (!collection) return send(writer, render_error(collection.error()));
  }
  if (!chat->pass_through) return answer(context, *chat, writer);
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
  default_model_.with([&](std::string& model) { model = models.front().id; });
  return models.front().id;
}

Result<rag::AnswerPlan> ChatEndpoint::plan(const Context& context, const ChatRequest& request,
                                           rag::Collection& collection, const rag::Corpus& corpus) {
  const std::string question = rag::standalone_question(request.turns, corpus);
  ASSIGN_OR_RETURN(const auto hits,
                   collections_.retrieve(context, collection, question, options_.candidates_max));
  const double budget =
      static_cast<double>(options_.context_tokens_max) * request.context_token_ratio;
  const rag::GroundingOptions grounding{
      .mode = options_.answer_mode,
      .context_tokens_max = std::min(options_.source_tokens_max, static_cast<std::size_t>(budget))};
  return rag::plan_answer(request.turns, hits, corpus, grounding);
}

int ChatEndpoint::answer(const Context& context, const ChatRequest& request,
                         net::ResponseWriter& writer) {
  const auto collection = collections_.find(request.index_name);
  if (!collection) return send(writer, render_error(collection.error()));
  if (estimated_tokens(request.turns) > options_.context_tokens_max) {
    return send(writer, render_error(400, "Prompt length exceeds context window."));
  }
  const auto corpus = (*collection)->corpus();
  const auto plan = this->plan(context, request, **collection, *corpus);
  if (!plan) return send(writer, render_error(plan.error()));
  const bool asks_model = plan->kind == rag::PlanKind::kAskModel && llm_ != nullptr;
  const std::string named = codec::string_or(request.body, "model", "extractive");
  const auto model = asks_model ? model_of(context, request.body) : Result<std::string>(named);
  if (!model) return send(writer, render_error(model.error()));

  const Envelope envelope = Envelope::create(*model);
  ChunkStream stream(envelope, writer);
  Outcome outcome{.mode = plan->kind == rag::PlanKind::kAbstain ? "abstained" : "composed",
                  .answer = plan->answer,
                  .citations = plan->citations,
                  .sentences = {}};
  if (asks_model) {
    const auto show = [&](const std::string& text) {
      return !request.stream || stream.send_text(text);
    };
    auto asked = ask(context, *llm_, upstream_body(request, *plan, *model), *plan, *corpus, show);
    if (!asked && asked.error().code == ErrorCode::kCancelled) return 499;
    if (!asked) return send(writer, render_error(asked.error()));
    outcome = *std::move(asked);
  } else if (request.stream) {
    (void)stream.send_text(outcome.answer);
  }
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
