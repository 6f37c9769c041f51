#include "ragserver/answer_trace.h"

#include <optional>

namespace rage::ragserver {
namespace {

using codec::Json;

Json number_or_null(const std::optional<float>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json render_candidates(const std::vector<rag::Candidate>& candidates) {
  Json list = Json::array();
  for (const rag::Candidate& one : candidates) {
    list.push_back({{"doc_id", one.doc_id},
                    {"title", one.title},
                    {"url", one.url},
                    {"score", one.score},
                    {"dense_score", number_or_null(one.dense)},
                    {"sparse_score", number_or_null(one.sparse)},
                    {"used", one.used},
                    {"why", one.why}});
  }
  return list;
}

Json render_features(const rag::SufficiencyFeatures& features) {
  return {{"nearest", features.nearest},         {"margin", features.margin},
          {"coverage", features.coverage},       {"rare", features.rare},
          {"constraints", features.constraints}, {"absent", features.absent},
          {"resolved", features.resolved}};
}

Json render_turns(const std::vector<rag::ChatTurn>& turns) {
  Json list = Json::array();
  for (const rag::ChatTurn& turn : turns)
    list.push_back({{"role", turn.role}, {"content", turn.content}});
  return list;
}

}  // namespace

Json render_trace(const Envelope& envelope, const ChatRequest& request, const rag::AnswerPlan& plan,
                  const Outcome& outcome) {
  Json trace = render_grounding(plan, outcome);
  trace["standalone_question"] = plan.standalone_question;
  trace["id"] = envelope.id;
  trace["created"] = envelope.created;
  trace["model"] = envelope.model;
  trace["index_name"] = request.index_name;
  trace["question"] = rag::open_question(request.turns);
  trace["answer"] = outcome.answer;
  trace["finding"] = plan.trace.finding;
  trace["constraints"] = plan.trace.constraints;
  trace["features"] = render_features(plan.trace.features);
  trace["candidates"] = render_candidates(plan.trace.candidates);
  trace["prompt"] = render_turns(plan.prompt);
  return trace;
}

}  // namespace rage::ragserver
