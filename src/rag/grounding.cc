#include "rag/grounding.h"

#include <algorithm>
#include <utility>

#include "rag/compose.h"
#include "rag/compose_prose.h"
#include "rag/corpus.h"
#include "rag/grounding_prompt.h"
#include "rag/plan_trace.h"
#include "rag/plan_unchecked.h"
#include "rag/question_history.h"
#include "rag/question_select.h"
#include "rag/question_sentences.h"
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
  bool unsure = false;     // A refusal about records that only a guess says are meant.
  bool undecided = false;  // Comparing sentences may find what words did not.
  std::string_view finding;
  double confidence = 0;  // That the composed answer, or the model's sources, tell.
};

constexpr double kSureOfRecords = 0.7;
constexpr double kProseComplete = 0.8;
constexpr double kProseSufficient = 0.5;

Decision decide_prose(const Situation& now, const CorpusIndex& corpus, AnswerMode mode) {
  ProseAnswer prose = compose_prose(now.conversation.query, corpus, now.evidence, now.ranked);
  Decision decision;
  decision.finding = finding_name(prose.sufficient ? Finding::kPassage : Finding::kNotFound);
  decision.confidence = prose.complete ? kProseComplete : prose.sufficient ? kProseSufficient : 0;
  decision.ask_model = prose.sufficient && (mode == AnswerMode::kModel ||
                                            (mode == AnswerMode::kAuto && !prose.complete));
  decision.composed = std::move(prose.composed);
  if (prose.sufficient && !prose.complete && !decision.ask_model) {
    decision.composed = {
        PlanKind::kAbstain, "The indexed documents do not answer this question.", {}};
  }
  return decision;
}

Decision decide_records(const Situation& now, const CorpusIndex& corpus, const Selection& selection,
                        AnswerMode mode) {
  Decision decision;
  decision.composed = compose_answer(now.conversation.query, corpus, selection, now.evidence);
  decision.finding = finding_name(selection.finding);
  if (decision.composed.kind == PlanKind::kAbstain) return decision;
  decision.confidence = selection.confidence;
  decision.ask_model = mode == AnswerMode::kModel;  // docs/adr/0008
  return decision;
}

Decision decide_by_words(const Situation& now, const CorpusIndex& corpus, AnswerMode mode) {
  const Query& query = now.conversation.query;
  if (!corpus.structured()) return decide_prose(now, corpus, mode);
  const Selection selection = select_records(query, corpus, now.evidence, now.conversation.anchors);
  if (selection.finding == Finding::kNotFound && query.open) return decide_prose(now, corpus, mode);
  Decision decision = decide_records(now, corpus, selection, mode);
  if (decision.composed.kind != PlanKind::kAbstain || selection.confidence >= kSureOfRecords)
    return decision;
  // Near in meaning, but without what was asked for: more likely another one is meant.
  if (selection.finding == Finding::kRecords) return decide_records(now, corpus, {}, mode);
  decision.unsure = selection.finding == Finding::kNoPassage;
  return decision;
}

// The answer that meaning finds, or what a refusal may point at.
Selection select_by_meaning(const Query& query, const CorpusIndex& corpus,
                            const std::vector<SourceSentence>& sentences) {
  Selection selection;
  const auto found = find_answer_sentence(query, corpus, sentences);
  if (!found) {
    selection.nearest = nearest_records(query, corpus, sentences);
    return selection;
  }
  selection.finding = Finding::kPassage;
  selection.records = {found->record};
  selection.passage = found->text;
  selection.confidence = found->similarity;
  return selection;
}

Decision decide(const Situation& now, const CorpusIndex& corpus, const GroundingOptions& options) {
  Decision decision = decide_by_words(now, corpus, options.mode);
  const bool not_found = decision.composed.kind == PlanKind::kAbstain &&
                         decision.finding == finding_name(Finding::kNotFound);
  if (!not_found && !decision.unsure) return decision;
  decision.undecided = options.sentences.empty() && !now.evidence.empty();
  if (options.sentences.empty()) return decision;
  const Selection selection = select_by_meaning(now.conversation.query, corpus, options.sentences);
  if (selection.finding != Finding::kPassage && decision.unsure) return decision;
  return decide_records(now, corpus, selection, options.mode);
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

// The sources that a model may read: those the composed answer cites, then the others found.
void ask_model(AnswerPlan& plan, const std::vector<ChatTurn>& turns,
               const std::vector<RetrievedChunk>& retrieved, std::size_t cited,
               std::size_t context_tokens_max) {
  for (const RetrievedChunk& hit : retrieved) {
    const bool known = std::ranges::any_of(plan.sources, [&](const RetrievedChunk& source) {
      return source.chunk.node_id == hit.chunk.node_id && source.chunk.doc_id == hit.chunk.doc_id;
    });
    if (!known) plan.sources.push_back(hit);
  }
  plan.sources.resize(std::max(cited, count_fitting(plan.sources, context_tokens_max)));
  plan.prompt = render_prompt(turns, plan.standalone_question, plan.sources, context_tokens_max);
}

// What the user chose kAssist for: a refusal is not the end if a model can go on, marked.
bool goes_on(const Decision& decision, const GroundingOptions& options) {
  return options.grounding == GroundingMode::kAssist && options.mode != AnswerMode::kExtractive &&
         !decision.undecided && decision.composed.kind == PlanKind::kAbstain;
}

void trace(AnswerPlan& plan, const Decision& decision, const std::vector<RetrievedChunk>& retrieved,
           const Situation& now, const CorpusIndex& corpus) {
  const Query& query = now.conversation.query;
  const bool answers = decision.composed.kind != PlanKind::kAbstain || decision.ask_model;
  const std::vector<RecordId> none;
  const std::vector<RecordId>& best = answers ? decision.composed.cited : none;
  std::vector<RecordId> used = decision.composed.cited;
  for (const RetrievedChunk& source : plan.sources) {
    if (const auto id = corpus.find_document(source.chunk.doc_id)) used.push_back(*id);
  }
  plan.trace.finding = decision.finding;
  plan.trace.constraints = describe_constraints(query, corpus);
  plan.trace.candidates = describe_candidates(retrieved, query, corpus, used);
  plan.trace.features = read_features(query, corpus, now.evidence, best, decision.confidence);
  plan.sufficiency = sufficiency(plan.trace.features);
}

AnswerPlan plan_of(const Decision& decision, const std::vector<ChatTurn>& turns,
                   const std::vector<RetrievedChunk>& retrieved, const Situation& now,
                   const CorpusIndex& corpus, const GroundingOptions& options) {
  AnswerPlan plan;
  plan.standalone_question = now.conversation.standalone;
  plan.grounding = options.grounding;
  plan.kind = decision.ask_model ? PlanKind::kAskModel : decision.composed.kind;
  plan.answer = inert(decision.composed.text);
  plan.undecided = decision.undecided;
  for (const RecordId id : decision.composed.cited) {
    plan.sources.push_back(source_of(id, retrieved, corpus));
    plan.citations.push_back(citation_of(plan.sources.size(), corpus.records()[id].doc_id, corpus));
  }
  if (goes_on(decision, options)) {
    plan.kind = PlanKind::kAskModel;
    plan.lead = plan.answer;
  }
  if (plan.kind == PlanKind::kAskModel) {
    ask_model(plan, turns, retrieved, decision.composed.cited.size(), options.context_tokens_max);
  }
  trace(plan, decision, retrieved, now, corpus);
  return plan;
}

}  // namespace

std::string standalone_question(const std::vector<ChatTurn>& turns, const Corpus& corpus) {
  const Conversation conversation = read_conversation(turns, index_of(corpus));
  return conversation.empty ? std::string() : conversation.standalone;
}

std::string open_question(const std::vector<ChatTurn>& turns) {
  std::string question;
  for (auto turn = turns.rbegin(); turn != turns.rend() && turn->role != "assistant"; ++turn) {
    if (turn->role != "user" || turn->content.empty()) continue;
    question = question.empty() ? turn->content : turn->content + "\n\n" + question;
  }
  return question;
}

AnswerPlan plan_answer(const std::vector<ChatTurn>& turns, std::vector<RetrievedChunk> retrieved,
                       const Corpus& corpus, const GroundingOptions& options) {
  if (options.grounding == GroundingMode::kOff) return plan_unchecked(turns, retrieved, options);
  const CorpusIndex& index = index_of(corpus);
  Situation now;
  now.conversation = read_conversation(turns, index);
  if (now.conversation.empty) {
    AnswerPlan plan;
    plan.grounding = options.grounding;
    plan.answer = "There is no question to answer.";
    return plan;
  }
  now.evidence = collect_evidence(retrieved, index);
  for (const RetrievedChunk& hit : retrieved) {
    const auto id = index.find_document(hit.chunk.doc_id);
    if (id && std::ranges::find(now.ranked, *id) == now.ranked.end()) now.ranked.push_back(*id);
  }
  return plan_of(decide(now, index, options), turns, retrieved, now, index, options);
}

}  // namespace rage::rag
