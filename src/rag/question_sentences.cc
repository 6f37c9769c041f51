#include "rag/question_sentences.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "rag/compose_prose.h"
#include "rag/question_select.h"
#include "text/sentences.h"

namespace rage::rag {
namespace {

constexpr std::size_t kRecordsCompared = 12;
constexpr std::size_t kSentencesOfRecord = 12;
constexpr std::size_t kSentenceBytesMin = 12;
constexpr std::size_t kSentenceBytesMax = 600;

// How near a sentence must be, and how much nearer than any of another record, if it shares at
// least this much (by idf) of the question's content words. Fitted on neither corpus to a question:
// rounded up from where the two example corpora's unanswerable questions end.
struct Bar {
  double shared;
  float similarity;
  float margin;
};
constexpr Bar kBars[] = {
    {0.99, 0.32F, 0.0F}, {0.5, 0.42F, 0.06F}, {0.25, 0.46F, 0.10F}, {0.0, 0.52F, 0.12F}};
// "When is the sale at the Station Store?" has one word to go by, and no sentence has it.
constexpr Bar kShortBar = {0.0, 0.60F, 0.12F};
constexpr std::size_t kShortContent = 3;
constexpr double kSharedMin = 0.25;

constexpr std::size_t kDescriptionWords = 4;
constexpr std::size_t kNearestMax = 3;
constexpr float kNearestSimilarity = 0.38F;
constexpr float kNearestBehind = 0.08F;

std::unordered_set<std::string> stems_of(std::string_view text) {
  std::unordered_set<std::string> stems;
  for (Token& token : tokenize(text)) stems.insert(std::move(token.stem));
  return stems;
}

// Every word of a constraint that the record itself does not satisfy.
bool holds_constraints(const Query& query, const CorpusIndex& corpus, RecordId id,
                       const std::unordered_set<std::string>& stems) {
  if (satisfies(query, corpus, id)) return true;
  for (std::size_t i = 0; i < query.tokens.size(); ++i) {
    if (query.use[i] == TokenUse::kConstraint && !stems.contains(query.tokens[i].stem))
      return false;
  }
  return true;
}

bool could_answer(const Query& query, const CorpusIndex& corpus, RecordId id,
                  const SourceSentence& sentence) {
  if (cover(query, corpus, id).names_missing) return false;
  const auto stems = stems_of(sentence.title + ". " + sentence.text);
  const bool attribute = std::ranges::all_of(query.attribute, [&](std::size_t i) {
    return !query.corrected[i] && stems.contains(query.tokens[i].stem);
  });
  return attribute && holds_constraints(query, corpus, id, stems) &&
         has_answer_type(query, sentence.text);
}

// "It opens at 7:00" does not tell when it closes; "it opens from 7:00 to 20:00" does.
bool tells_closing(std::string_view sentence) {
  const auto tokens = tokenize(sentence);
  const bool opens =
      std::ranges::any_of(tokens, [](const Token& token) { return token.stem == "open"; });
  const auto facts = extract_facts(sentence, tokens);
  const auto times = std::ranges::count(facts, FactKind::kTime, &Fact::kind);
  return opens && times == 2;
}

// Share of the content words, by idf, that the sentence has. Its title does not count: what a
// document is called is not what a sentence of it says.
double shared_content(const Query& query, const CorpusIndex& corpus,
                      const SourceSentence& sentence) {
  const auto stems = stems_of(sentence.text);
  double all = 0;
  double found = 0;
  for (const std::size_t i : query.content) {
    const double weight = corpus.idf(query.tokens[i].stem);
    all += weight;
    const bool closing = query.asks(kAskedWhen) && query.tokens[i].stem == "close";
    if (stems.contains(query.tokens[i].stem) || (closing && tells_closing(sentence.text)))
      found += weight;
  }
  return all > 0 ? found / all : 0;
}

// "When was the Harbour Store founded?" is near to any sentence about the Harbour Store, and
// whether something is so is told only by a sentence that speaks of it.
bool must_share(const Query& query) {
  return query.yes_no || std::ranges::any_of(query.use, [](TokenUse use) {
           return use == TokenUse::kConstraint || use == TokenUse::kTitle;
         });
}

bool is_near(const Query& query, double shared, float similarity, float margin) {
  if (must_share(query) && shared < kSharedMin) return false;
  const auto clears = [&](const Bar& bar) {
    return shared >= bar.shared && similarity >= bar.similarity && margin >= bar.margin;
  };
  if (query.content.size() < kShortContent && shared < 0.5) return clears(kShortBar);
  return std::ranges::any_of(kBars, clears);
}

bool wants_one(const Query& query) {
  return !query.list && !query.count && !query.extreme && query.comparison == Comparison::kNone &&
         query.absent.empty();
}

}  // namespace

std::vector<SourceSentence> near_sentences(const std::vector<RetrievedChunk>& retrieved,
                                           const Corpus& corpus) {
  const auto* index = dynamic_cast<const CorpusIndex*>(&corpus);
  std::vector<SourceSentence> sentences;
  if (index == nullptr) return sentences;
  std::vector<const RetrievedChunk*> nearest;
  for (const RetrievedChunk& hit : retrieved) {
    if (hit.dense_score) nearest.push_back(&hit);
  }
  std::ranges::sort(nearest, [](const RetrievedChunk* a, const RetrievedChunk* b) {
    if (*a->dense_score != *b->dense_score) return *a->dense_score > *b->dense_score;
    return a < b;  // As retrieved.
  });
  std::unordered_set<RecordId> seen;
  for (const RetrievedChunk* hit : nearest) {
    const auto id = index->find_document(hit->chunk.doc_id);
    if (!id || !seen.insert(*id).second || seen.size() > kRecordsCompared) continue;
    const Record& record = index->records()[*id];
    const auto spans = text::split_sentences(record.body);
    std::size_t taken = 0;
    for (const text::TextSpan& span : spans) {
      const std::string_view text = span.of(record.body);
      if (text.size() < kSentenceBytesMin || text.size() > kSentenceBytesMax) continue;
      // Of a long document what the chunk found has in it.
      const bool elsewhere =
          spans.size() > kSentencesOfRecord && hit->chunk.text.find(text) == std::string::npos;
      if (elsewhere || ++taken > kSentencesOfRecord) continue;
      if (sentences.size() == kNearSentencesMax) return sentences;
      sentences.push_back(
          {.doc_id = record.doc_id, .title = record.title, .text = std::string(text)});
    }
  }
  return sentences;
}

std::optional<NearSentence> find_answer_sentence(const Query& query, const CorpusIndex& corpus,
                                                 const std::vector<SourceSentence>& sentences) {
  if (!wants_one(query)) return std::nullopt;
  std::optional<NearSentence> best;
  double best_shared = 0;
  float rival = 0;
  for (const SourceSentence& sentence : sentences) {
    const auto id = corpus.find_document(sentence.doc_id);
    if (!id || !could_answer(query, corpus, *id, sentence)) continue;
    if (best && sentence.similarity <= best->similarity) continue;
    best = NearSentence{*id, sentence.text, sentence.similarity};
    best_shared = shared_content(query, corpus, sentence);
  }
  if (!best) return std::nullopt;
  for (const SourceSentence& sentence : sentences) {
    if (corpus.find_document(sentence.doc_id) != best->record)
      rival = std::max(rival, sentence.similarity);
  }
  if (!is_near(query, best_shared, best->similarity, best->similarity - rival)) return std::nullopt;
  return best;
}

std::vector<RecordId> nearest_records(const Query& query, const CorpusIndex& corpus,
                                      const std::vector<SourceSentence>& sentences) {
  if (!wants_one(query) || query.content.size() < kDescriptionWords) return {};
  std::unordered_map<RecordId, float> similarity;
  float top = 0;
  for (const SourceSentence& sentence : sentences) {
    const auto id = corpus.find_document(sentence.doc_id);
    if (!id || cover(query, corpus, *id).names_missing || !satisfies(query, corpus, *id)) continue;
    float& own = similarity[*id];
    own = std::max(own, sentence.similarity);
    top = std::max(top, own);
  }
  std::vector<RecordId> nearest;
  for (const auto& [id, own] : similarity) {
    if (own >= kNearestSimilarity && own + kNearestBehind >= top) nearest.push_back(id);
  }
  std::ranges::sort(nearest, [&](RecordId a, RecordId b) {
    return similarity[a] != similarity[b] ? similarity[a] > similarity[b] : a < b;
  });
  if (nearest.size() > kNearestMax) nearest.resize(kNearestMax);
  return nearest;
}

}  // namespace rage::rag
