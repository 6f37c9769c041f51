#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "rag/grounding_corpus_for_test.h"

// Any question, with any history, gets a plan; a refusal or an answer is never empty.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::rag;
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const std::size_t cut = text.find('\n');
  std::vector<ChatTurn> turns;
  if (cut != std::string_view::npos) {
    turns.push_back({"user", "When is Queues for Beginners?"});
    turns.push_back({"assistant", std::string(text.substr(0, cut))});
  }
  turns.push_back(
      {"user", std::string(cut == std::string_view::npos ? text : text.substr(cut + 1))});
  const bool structured = (bytes[0] & 1U) != 0;
  const CorpusIndex& corpus = structured ? for_test::talks() : for_test::prose();
  auto hits = for_test::retrieved(structured ? for_test::talk_chunks() : for_test::prose_chunks());
  if ((bytes[0] & 2U) != 0) hits.front().dense_score = 0.6F;
  GroundingOptions options;
  options.mode = static_cast<AnswerMode>((bytes[0] >> 2U) % 3);
  const AnswerPlan plan = plan_answer(turns, hits, corpus, options);
  CHECK(!plan.answer.empty());
  CHECK((plan.kind == PlanKind::kAskModel) == !plan.prompt.empty());
  for (const Citation& citation : plan.citations) {
    CHECK(citation.number >= 1 && citation.number <= plan.sources.size());
    CHECK(plan.sources[citation.number - 1].chunk.doc_id == citation.doc_id);
  }
  return 0;
}
