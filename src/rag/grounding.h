// Grounded answers: what may be said, and from which source. Pure: no model, no clock, no I/O.
//
// The service calls plan_answer() with the conversation, what retrieval found and the whole corpus.
// The plan either holds the finished answer (the sources do not tell; or the answer composed from
// the sources) or the prompt for a model. A model's answer goes through an AnswerVerifier, which
// holds back one sentence, lets through what the sources support, and falls back to the composed
// answer.
//
// Where words alone find nothing, the plan is `undecided`: the caller compares near_sentences()
// with the question and plans again with what it learned (GroundingOptions::sentences).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rag/document.h"
#include "rag/sufficiency.h"

namespace rage::rag {

// Value, immutable, Thread-safe: what is known of a whole index without searching it. Documents
// with structured metadata (title, speakers, room, date, ...) become records with typed fields.
class Corpus {
 public:
  virtual ~Corpus() = default;
};

// One chunk a document is enough; later chunks of the same document add their text.
std::shared_ptr<const Corpus> build_corpus(std::vector<Chunk> chunks);

enum class AnswerMode {
  kAuto,   // Composed from the sources where that answers the question; the model does the rest.
  kModel,  // Ask the model whenever the sources suffice; its sentences are verified.
  kExtractive,  // Never ask a model.
};

// How an answer is held to its sources.
enum class GroundingMode {
  kStrict,  // Only what a source supports is shown; else the reply says that they do not tell.
  kAssist,  // What no source supports is shown too, with kUnverifiedMark behind it.
  kOff,     // KAITO's: near sources in the prompt, nothing checked; none near: the bare model.
};
// "strict", "assist", "off" or its other name "compat"; none of anything else.
std::optional<GroundingMode> parse_grounding_mode(std::string_view name);
std::string_view grounding_mode_name(GroundingMode mode);

inline constexpr std::string_view kUnverifiedMark = "[unverified]";

// A sentence of what retrieval found, to be compared with the question.
struct SourceSentence {
  std::string doc_id;
  std::string title;
  std::string text;      // Verbatim.
  float similarity = 0;  // Cosine of `title: text` and the question, once compared.
};

// KAITO's RAG_SIMILARITY_THRESHOLD: the squared distance of unit vectors, 2 - 2 cos.
inline constexpr float kPlainDistanceMax = 0.85F;

struct GroundingOptions {
  AnswerMode mode = AnswerMode::kAuto;
  std::size_t context_tokens_max = 1500;  // For sources in the prompt, about 4 bytes a token.
  GroundingMode grounding = GroundingMode::kStrict;
  std::vector<SourceSentence> sentences = {};  // Compared; empty: none were.
  // kOff alone: chunks further from the question are not used; 0: all.
  float distance_max = kPlainDistanceMax;
};

// kBareModel: GroundingMode::kOff alone, with nothing near enough.
enum class PlanKind { kAbstain, kComposed, kAskModel, kBareModel };

struct Citation {
  std::size_t number = 0;  // [1] in the answer.
  std::string doc_id;
  std::string title;  // From metadata; may be empty.
  std::string url;    // From metadata; may be empty.
};

// What became of a record that retrieval found.
struct Candidate {
  std::string doc_id;
  std::string title;
  std::string url;
  float score = 0;  // As RetrievedChunk; the best of the record's chunks.
  std::optional<float> dense = {};
  std::optional<float> sparse = {};
  bool used = false;  // Cited, or in the prompt.
  std::string why;    // "cited", "lacks a name or number of the question"
};

// How a plan came about, for a person who asks why.
struct PlanTrace {
  std::string finding;                   // "records", "passage", "absent", ...
  std::vector<std::string> constraints;  // "day: saturday", "price < 100 eur"
  std::vector<Candidate> candidates;     // As retrieved.
  SufficiencyFeatures features;
};

struct AnswerPlan {
  PlanKind kind = PlanKind::kAbstain;
  std::string answer;                   // kAbstain, kComposed: finished. kAskModel: the fall-back.
  std::vector<RetrievedChunk> sources;  // In citation order; what `source_nodes` shows.
  std::vector<Citation> citations;      // Those the answer (or fall-back) uses.
  std::vector<ChatTurn> prompt;         // kAskModel only.
  std::string standalone_question;      // With what the history implies.
  GroundingMode grounding = GroundingMode::kStrict;
  // kAssist, kAskModel: what the reply says before the model's words, because the sources do not
  // tell. Empty otherwise.
  std::string lead;
  std::optional<double> sufficiency = {};  // sufficiency(); none with kOff.
  bool undecided = false;  // near_sentences(), compared with the question, may find an answer.
  PlanTrace trace;
};

// The question as one text, with what the history implies ("And in which room is it?" names the
// session): what to search for. Empty if there is no user turn after the last assistant turn.
std::string standalone_question(const std::vector<ChatTurn>& turns, const Corpus& corpus);

// What the user said since the last answer, joined by blank lines: what KAITO searches for, and
// GroundingMode::kOff.
std::string open_question(const std::vector<ChatTurn>& turns);

AnswerPlan plan_answer(const std::vector<ChatTurn>& turns, std::vector<RetrievedChunk> retrieved,
                       const Corpus& corpus, const GroundingOptions& options);

// At most kNearSentencesMax sentences of the records nearest in meaning.
inline constexpr std::size_t kNearSentencesMax = 64;
std::vector<SourceSentence> near_sentences(const std::vector<RetrievedChunk>& retrieved,
                                           const Corpus& corpus);

// kPartly: one clause or phrase was cut off, and the rest is supported.
enum class Verdict { kSupported, kPartly, kUnsupported };

// Where a source says it. Value.
struct SourceSpan {
  std::string doc_id;
  std::size_t begin = 0;  // [begin, end) of the document's text, in Unicode code points.
  std::size_t end = 0;
  bool operator==(const SourceSpan&) const = default;
};

struct SentenceReport {
  std::string sentence;  // kPartly: what is left of it.
  Verdict verdict = Verdict::kUnsupported;
  std::vector<std::size_t> citations;  // Numbers of the sources that support it.
  std::string
      reason;  // Why it, or what was cut off, is not: "the sources do not mention Room 305".
  bool shown = false;  // Supported, or marked (GroundingMode::kAssist).
  // Supported: the sentences that hold it, in order, at most kSpansMax a source. What only metadata
  // tell has none.
  std::vector<SourceSpan> spans = {};
  std::string dropped = {};  // kPartly: what was cut off.
};
inline constexpr std::size_t kSpansMax = 4;

// What the plan's own answer states, citation by citation. Empty for a refusal: it states nothing.
std::vector<SentenceReport> report_composed(const AnswerPlan& plan, const Corpus& corpus);

// Resource. One thread. Streams a model's answer through verification.
class AnswerVerifier {
 public:
  static std::unique_ptr<AnswerVerifier> create(const AnswerPlan& plan, const Corpus& corpus);
  virtual ~AnswerVerifier() = default;
  // Text that may be shown now: whole, supported sentences with their citations, and with kAssist
  // the others with their mark. Often empty.
  virtual std::string feed(std::string_view delta) = 0;
  // The last sentence; the composed fall-back if nothing survived.
  virtual std::string finish() = 0;
  // Valid after finish(). What the fall-back states stands after what was dropped.
  virtual const std::vector<SentenceReport>& report() const = 0;
  virtual const std::vector<Citation>& citations() const = 0;
  virtual bool fell_back() const = 0;
};

}  // namespace rage::rag
