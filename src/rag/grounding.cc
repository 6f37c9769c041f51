#include "rag/grounding.h"

#include <algorithm>
#include <utility>

#include "rag/compose.h"
#include "rag/compose_prose.h"
#include "rag/corpus.h"
#include "rag/grounding_prompt.h"
#include "rag/question_history.h"
#include "rag/question_select.h"
#include "rag/untrusted.h"

namespace rage::rag {
namespace {

// What plan_answer() was given, read.
struct Situation {
  Conversation conversation;
  Evidence evidence;
  std::vector<RecordId> ranked;  // As retrieved.
};

const CorpusIndex& index_of(const Corpus& corpus) {
  static const CorpusIndex empty{std::vector<Chunk>{}};
  const auto* index = dynamic_cast<const CorpusIndex*>(&corpus);
  return index != nullptr ? *index : empty;
}

struct Decision {
  Composed composed;
  bool ask_model = false;
};

Decision decide_prose(const Situation& now, const CorpusIndex& corpus, AnswerMode mode) {
  ProseAnswer prose = compose_prose(now.conversation.query, corpus, now.evidence, now.ranked);
  Decision decision;
  decision.ask_model = prose.sufficient && (mode == AnswerMode::kModel ||
                                            (mode == AnswerMode::kAuto && !prose.complete));
  decision.composed = std::move(prose.composed);
  if (prose.sufficient && !prose.complete && !decision.ask_model) {
    decision.composed = {
        PlanKind::kAbstain, "The indexed documents do not answer this question.", {}};
  }
  return decision;
}

Decision decide(const Situation& now, const CorpusIndex& corpus, AnswerMode mode) {
  const Query& query = now.conversation.query;
  if (!corpus.structured()) return decide_prose(now, corpus, mode);
  const Selection selection = select_records(query, corpus, now.evidence, now.conversation.anchors);
  if (selection.finding == Finding::kNotFound && query.open) return decide_prose(now, corpus, mode);
  Decision decision;
  decision.composed = compose_answer(query, corpus, selection, now.evidence);
  if (decision.composed.kind == PlanKind::kAbstain) return decision;
  decision.ask_model = mode == AnswerMode::kModel;  // docs/adr/0008
  return decision;
}

// The chunk of the record to show: the best one retrieved, else its first.
RetrievedChunk source_of(RecordId id, const std::vector<RetrievedChunk>& retrieved,
                         const CorpusIndex& corpus) {
  const Record& record = corpus.records()[id];
  for (const RetrievedChunk& hit : retrieved) {
    if (hit.chunk.doc_id == record.doc_id) return hit;
  }
  return RetrievedChunk{.chunk = record.chunks.front()};
}

Citation citation_of(std::size_t number, const std::string& doc_id, const CorpusIndex& corpus) {
  Citation citation{.number = number, .doc_id = doc_id, .title = {}, .url = {}};
  if (const auto id = corpus.find_document(doc_id)) {
    citation.title = corpus.records()[*id].title;
    citation.url = corpus.records()[*id].url;
  }
  return citation;
}

AnswerPlan plan_of(Decision decision, const std::vector<ChatTurn>& turns,
                   std::vector<RetrievedChunk> retrieved, const Situation& now,
                   const CorpusIndex& corpus, const GroundingOptions& options) {
  AnswerPlan plan;
  plan.standalone_question = now.conversation.standalone;
  plan.kind = decision.ask_model ? PlanKind::kAskModel : decision.composed.kind;
  plan.answer = inert(decision.composed.text);
  for (const RecordId id : decision.composed.cited) {
    plan.sources.push_back(source_of(id, retrieved, corpus));
    plan.citations.push_back(citation_of(plan.sources.size(), corpus.records()[id].doc_id, corpus));
  }
  if (plan.kind != PlanKind::kAskModel) return plan;
  for (RetrievedChunk& hit : retrieved) {
    const bool known = std::ranges::any_of(plan.sources, [&](const RetrievedChunk& source) {
      return source.chunk.node_id == hit.chunk.node_id && source.chunk.doc_id == hit.chunk.doc_id;
    });
    if (!known) plan.sources.push_back(std::move(hit));
  }
  const std::size_t cited = decision.composed.cited.size();
  plan.sources.resize(std::max(cited, count_fitting(plan.sources, options.context_tokens_max)));
  plan.prompt =
      render_prompt(turns, plan.standalone_question, plan.sources, options.context_tokens_max);
  return plan;
}

}  // namespace

std::string standalone_question(const std::vector<ChatTurn>& turns, const Corpus& corpus) {
  const Conversation conversation = read_conversation(turns, index_of(corpus));
  return conversation.empty ? std::string() : conversation.standalone;
}

AnswerPlan plan_answer(const std::vector<ChatTurn>& turns, std::vector<RetrievedChunk> retrieved,
                       const Corpus& corpus, const GroundingOptions& options) {
  const CorpusIndex& index = index_of(corpus);
  Situation now;
  now.conversation = read_conversation(turns, index);
  if (now.conversation.empty) {
    AnswerPlan plan;
    plan.answer = "There is no question to answer.";
    return plan;
  }
  now.evidence = collect_evidence(retrieved, index);
  for (const RetrievedChunk& hit : retrieved) {
    const auto id = index.find_document(hit.chunk.doc_id);
    if (id && std::ranges::find(now.ranked, *id) == now.ranked.end()) now.ranked.push_back(*id);
  }
  return plan_of(decide(now, index, options.mode), turns, std::move(retrieved), now, index,
                 options);
}

}  // namespace rage::rag
