// Questions with known answers, and what is right, declined or wrong about a reply. Pure.
//
// A question is a JSON object: `id`, `question`, `type`, `answerable`, `expected_urls`,
// `must_include`, `must_not_include`; optionally `any_of` (groups of which one string each must
// occur) and `history` (earlier turns of the conversation). Comparisons ignore case and accents.
#pragma once

#include <cstddef>
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
  bool supported = false;
  std::string reason;
};

// What the service replied, as far as grading and the report need it.
struct EvalReply {
  std::string answer;
  std::string mode;                   // Of the grounding; empty if the reply has none.
  std::string standalone_question;    // What was searched for.
  std::optional<double> sufficiency;  // 0..1, if the service tells it.
  std::vector<EvalSource> sources;
  std::vector<EvalSentence> sentences;  // A model's, with their verdicts.
  double latency_ms = 0;
  std::string error;  // Not empty: the service refused the question.
};

// Never fails: what a completion lacks stays empty.
EvalReply read_eval_reply(const codec::Json& completion);

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
