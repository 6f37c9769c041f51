#include "ragserver/chat_reply.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "codec/sse.h"

namespace rage::ragserver {
namespace {

using codec::Json;

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

Json render_spans(const std::vector<rag::SourceSpan>& spans) {
  Json list = Json::array();
  for (const rag::SourceSpan& span : spans)
    list.push_back({{"doc_id", span.doc_id}, {"start", span.begin}, {"end", span.end}});
  return list;
}

std::string_view verdict_name(rag::Verdict verdict) {
  switch (verdict) {
    case rag::Verdict::kSupported:
      return "supported";
    case rag::Verdict::kPartly:
      return "partly";
    case rag::Verdict::kUnsupported:
      return "unsupported";
  }
  UNREACHABLE();
}

Json render_sentences(const std::vector<rag::SentenceReport>& reports) {
  Json sentences = Json::array();
  for (const rag::SentenceReport& report : reports) {
    Json sentence = {{"text", report.sentence},
                     {"verdict", verdict_name(report.verdict)},
                     {"shown", report.shown},
                     {"citations", report.citations},
                     {"spans", render_spans(report.spans)},
                     {"reason", report.reason}};
    if (report.verdict == rag::Verdict::kPartly) sentence["dropped"] = report.dropped;
    sentences.push_back(std::move(sentence));
  }
  return sentences;
}

}  // namespace

Json render_grounding(const rag::AnswerPlan& plan, const Outcome& outcome) {
  const Json sufficiency =
      plan.sufficiency ? Json(std::round(*plan.sufficiency * 1e4) / 1e4) : Json(nullptr);
  Json grounding = {{"mode", outcome.mode},
                    {"policy", rag::grounding_mode_name(plan.grounding)},
                    {"sufficiency", sufficiency},
                    {"question", plan.standalone_question},
                    {"citations", render_citations(outcome.citations)},
                    {"sentences", render_sentences(outcome.sentences)}};
  if (!outcome.stand_in.empty()) grounding["substituted_model"] = outcome.stand_in;
  return grounding;
}

Envelope Envelope::create(std::string model) {
  std::string id = random_uuid();
  std::erase(id, '-');
  const auto now = std::chrono::system_clock::now();
  return {.id = std::move(id), .created = unix_seconds(now), .model = std::move(model)};
}

Json Envelope::chunk(Json delta, Json finish_reason) const {
  return {{"id", id},
          {"object", "chat.completion.chunk"},
          {"created", created},
          {"model", model},
          {"choices", Json::array({{{"index", 0},
                                    {"delta", std::move(delta)},
                                    {"logprobs", nullptr},
                                    {"finish_reason", std::move(finish_reason)}}})}};
}

Json render_completion(const Envelope& envelope, const ChatRequest& request,
                       const rag::AnswerPlan& plan, const Outcome& outcome) {
  const bool only_tools = outcome.answer.empty() && outcome.tool_calls.is_array();
  const Json message = {{"content", only_tools ? Json(nullptr) : Json(outcome.answer)},
                        {"refusal", nullptr},
                        {"role", "assistant"},
                        {"annotations", nullptr},
                        {"audio", nullptr},
                        {"function_call", nullptr},
                        {"tool_calls", outcome.tool_calls}};
  const Json usage =
      outcome.usage.is_object() ? outcome.usage : estimated_usage(request, outcome.answer);
  return {{"id", envelope.id},
          {"choices", Json::array({{{"finish_reason", outcome.finish_reason},
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

bool ChunkStream::send_text(std::string_view text) {
  if (!begin()) return false;
  return text.empty() || send(envelope_.chunk({{"content", text}}, nullptr));
}

void ChunkStream::end(const ChatRequest& request, const rag::AnswerPlan& plan,
                      const Outcome& outcome) {
  if (!begin()) return;
  if (outcome.tool_calls.is_array()) {
    Json calls = Json::array();
    for (Json call : outcome.tool_calls) {
      call["index"] = calls.size();
      calls.push_back(std::move(call));
    }
    if (!send(envelope_.chunk({{"tool_calls", std::move(calls)}}, nullptr))) return;
  }
  Json last = envelope_.chunk(Json::object(), outcome.finish_reason);
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

bool ChunkStream::begin() {
  if (begun_) return true;
  begun_ = true;
  const auto begun = writer_.begin(200, {{"content-type", "text/event-stream; charset=utf-8"},
                                         {"cache-control", "no-cache"},
                                         {"x-accel-buffering", "no"}});
  return begun && send(envelope_.chunk({{"role", "assistant"}, {"content", ""}}, nullptr));
}

bool ChunkStream::send(const Json& chunk) {
  return writer_.write(codec::render_sse(codec::render_json(chunk))).has_value();
}

}  // namespace rage::ragserver
