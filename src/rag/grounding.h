// Grounded answers: what may be said, and from which source. Pure: no model, no clock, no I/O.
//
// The service calls plan_answer() with the conversation, what retrieval found and the whole corpus.
// The plan either holds the finished answer (the sources do not tell; or the answer composed from
// the sources) or the prompt for a model. A model's answer goes through an AnswerVerifier, which
// holds back one sentence, lets through what the sources support, and falls back to the composed
// answer.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rag/document.h"

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

struct GroundingOptions {
  AnswerMode mode = AnswerMode::kAuto;
  std::size_t context_tokens_max = 1500;  // For sources in the prompt, about 4 bytes a token.
};

enum class PlanKind { kAbstain, kComposed, kAskModel };

struct Citation {
  std::size_t number = 0;  // [1] in the answer.
  std::string doc_id;
  std::string title;  // From metadata; may be empty.
  std::string url;    // From metadata; may be empty.
};

struct AnswerPlan {
  PlanKind kind = PlanKind::kAbstain;
  std::string answer;                   // kAbstain, kComposed: finished. kAskModel: the fall-back.
  std::vector<RetrievedChunk> sources;  // In citation order; what `source_nodes` shows.
  std::vector<Citation> citations;      // Those the answer (or fall-back) uses.
  std::vector<ChatTurn> prompt;         // kAskModel only.
  std::string standalone_question;      // With what the history implies.
};

// The question as one text, with what the history implies ("And in which room is it?" names the
// session): what to search for. Empty if there is no user turn after the last assistant turn.
std::string standalone_question(const std::vector<ChatTurn>& turns, const Corpus& corpus);

AnswerPlan plan_answer(const std::vector<ChatTurn>& turns, std::vector<RetrievedChunk> retrieved,
                       const Corpus& corpus, const GroundingOptions& options);

enum class Verdict { kSupported, kUnsupported };

struct SentenceReport {
  std::string sentence;
  Verdict verdict = Verdict::kUnsupported;
  std::vector<std::size_t> citations;  // Numbers of the sources that support it.
  std::string reason;                  // Why it was dropped: "the sources do not mention Room 305".
};

// Resource. One thread. Streams a model's answer through verification.
class AnswerVerifier {
 public:
  static std::unique_ptr<AnswerVerifier> create(const AnswerPlan& plan, const Corpus& corpus);
  virtual ~AnswerVerifier() = default;
  // Text that may be shown now: whole, supported sentences with their citations. Often empty.
  virtual std::string feed(std::string_view delta) = 0;
  // The last sentence; the composed fall-back if nothing survived.
  virtual std::string finish() = 0;
  // Valid after finish().
  virtual const std::vector<SentenceReport>& report() const = 0;
  virtual const std::vector<Citation>& citations() const = 0;
  virtual bool fell_back() const = 0;
};

}  // namespace rage::rag
