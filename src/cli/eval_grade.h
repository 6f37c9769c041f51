// Questions with known answers, and what is right, declined or wrong about a reply. Pure.
//
// A question is a JSON object: `id`, `question`, `type`, `answerable`, `expected_urls`,
// `must_include`, `must_not_include`; optionally `any_of` (groups of which one string each must
// occur) and `history` (earlier turns of the conversation). Comparisons ignore case and accents.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::cli {

inline constexpr std::size_t kEvalQuestionsMax = 10'000;
// Verbosity is not an answer: code points of a reply to a question for one fact.
inline constexpr std::size_t kShortReplyMax = 900;

struct EvalQuestion {
  std::string id;
  std::string question;
  std::string type;
  bool answerable = true;
  std::vector<std::string> expected_urls;
  std::vector<std::string> must_include;
  std::vector<std::string> must_not_include;
  std::vector<std::vector<std::string>> any_of;
  codec::Json history = codec::Json::array();  // Messages as in a chat request.
  std::map<std::string, double> qrels = {};    // By address; 0 and more. Empty: not known.
};

// One JSON object a line; empty lines are skipped. kInvalidArgument names the line and the field.
Result<std::vector<EvalQuestion>> parse_eval_questions(std::string_view lines);

struct EvalSource {
  std::size_t number = 0;  // [1] in the answer; 0: not cited.
  std::string title;
  std::string url;
  std::optional<double> score;
};

struct EvalSentence {
  std::string text;
  bool supported = false;  // What of it is in `text`.
  std::string dropped = {};
  std::string reason;
  bool shown = false;
};

// A record that retrieval found, and what became of it.
struct EvalCandidate {
  std::string title;
  std::string url;
  double score = 0;
  std::optional<double> dense;
  std::optional<double> sparse;
  bool used = false;
  std::string why;
};

// What the service replied, as far as grading and the report need it.
struct EvalReply {
  std::string id;
  std::string answer;
  std::string mode;                   // Of the grounding; empty if the reply has none.
  std::string standalone_question;    // What was searched for.
  std::optional<double> sufficiency;  // 0..1, if the service tells it.
  std::vector<EvalSource> sources;
  std::vector<EvalSentence> sentences;  // A model's, with their verdicts.
  double latency_ms = 0;
  std::string error;  // Not empty: the service refused the question.
  // Of the service's record of the answer; empty if it keeps none.
  std::string finding;
  std::vector<std::string> constraints;
  std::vector<EvalCandidate> candidates;
  std::string prompt;
  codec::Json features = nullptr;  // What sufficiency was computed from.
};

// Never fails: what a completion lacks stays empty.
EvalReply read_eval_reply(const codec::Json& completion);

// Adds what `GET /answers/{id}` tells. Never fails.
void read_eval_trace(const codec::Json& trace, EvalReply& reply);

struct Grade {
  bool right = false;
  bool declined = false;    // Says that the sources do not tell.
  bool wrong_fact = false;  // Asserts what was not asked, is not true or cannot be known.
  std::string why;          // Of a reply that is not right, for a person.
};

Grade grade_reply(const EvalQuestion& question, const EvalReply& reply);

// True if the text says that the sources do not tell.
bool says_no(std::string_view answer);

// How many of the cited addresses were expected, and how many of the expected ones were cited.
struct CitationCounts {
  std::size_t cited = 0;
  std::size_t expected = 0;
  std::size_t both = 0;
};
// Counts nothing for unanswerable questions: their sources are only related.
CitationCounts count_citations(const EvalQuestion& question, const EvalReply& reply);

}  // namespace rage::cli
