#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "rag/grounding_corpus_for_test.h"

// However a stream is cut, the same sentences survive, and something is always shown.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::rag;
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const std::size_t step = 1 + bytes[0] % 31;
  AnswerPlan plan;
  plan.kind = PlanKind::kAskModel;
  plan.answer = "fall-back";
  plan.sources = for_test::retrieved(for_test::talk_chunks());
  plan.sources.resize(4);  // A verifier reads them all anew, twice an input.
  const auto run = [&](std::size_t part) {
    const auto verifier = AnswerVerifier::create(plan, for_test::talks());
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += part)
      out += verifier->feed(text.substr(at, part));
    out += verifier->finish();
    for (const SentenceReport& report : verifier->report()) {
      CHECK(report.verdict == Verdict::kUnsupported || !report.citations.empty());
      CHECK((report.verdict == Verdict::kPartly) == !report.dropped.empty());
    }
    CHECK(!verifier->fell_back() || out.ends_with("fall-back"));
    CHECK(!out.empty());
    return out;
  };
  (void)run(step);
  (void)run(text.size());
  return 0;
}
