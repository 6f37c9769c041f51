// Statements of perturb_for_test.h against the verifier: how many true ones are dropped, how many
// tampered ones shown.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "rag/grounding.h"
#include "rag/perturb_for_test.h"

namespace rage::rag::for_test {

struct Outcome {
  bool shown = false;  // The sentence that counts.
  std::string reason;  // Why not.
};

// A true sentence must be shown whole; of an untrue one any part that is true.
inline bool is_shown(const SentenceReport& report, const Statement& statement) {
  if (report.verdict != Verdict::kPartly) return report.verdict == Verdict::kSupported;
  if (statement.faithful) return false;
  const auto has = [&](const std::string& value) {
    return report.sentence.find(value) != std::string::npos;
  };
  return statement.untrue.empty() || std::ranges::any_of(statement.untrue, [&](const auto& all) {
           return std::ranges::all_of(all, has);
         });
}

inline Outcome judge(const Statement& statement, const CorpusIndex& corpus) {
  AnswerPlan plan;
  plan.kind = PlanKind::kAskModel;
  plan.answer = "The composed answer.";
  for (const RecordId id : statement.sources)
    plan.sources.push_back(RetrievedChunk{.chunk = corpus.records()[id].chunks.front()});
  plan.citations = {
      {.number = 0, .doc_id = corpus.records()[statement.subject].doc_id, .title = {}, .url = {}}};
  const auto verifier = AnswerVerifier::create(plan, corpus);
  (void)verifier->feed(statement.text);
  (void)verifier->finish();
  if (verifier->report().empty()) return {false, "nothing was judged"};
  for (const SentenceReport& one : verifier->report()) {
    const bool counts = statement.faithful || &one == &verifier->report().back();
    if (counts && !is_shown(one, statement)) return {false, one.reason};
  }
  return {true, {}};
}

struct Rate {
  std::size_t sentences = 0;
  std::size_t wrong = 0;  // A faithful one dropped, an unfaithful one shown.
  std::vector<std::string> examples;
};

struct Rates {
  Rate faithful;
  Rate unfaithful;
  std::map<std::string, Rate> kinds;  // "+ room", "- room swapped"
};

inline Rates measure(const std::vector<Statement>& statements, const CorpusIndex& corpus) {
  Rates rates;
  for (const Statement& statement : statements) {
    Rate& total = statement.faithful ? rates.faithful : rates.unfaithful;
    Rate& kind = rates.kinds[(statement.faithful ? "+ " : "- ") + statement.kind];
    const Outcome outcome = judge(statement, corpus);
    const bool wrong = outcome.shown != statement.faithful;
    for (Rate* rate : {&total, &kind}) {
      ++rate->sentences;
      rate->wrong += wrong ? 1 : 0;
      if (wrong && rate->examples.size() < 200)
        rate->examples.push_back(outcome.reason + ": " + statement.text);
    }
  }
  return rates;
}

}  // namespace rage::rag::for_test
