// Sentences with one fact tampered with, against the verifier. The whole schedule takes
// bench/verifier_perturbation; here are the few records of the test programme.
#include <gtest/gtest.h>

#include "rag/grounding_corpus_for_test.h"
#include "rag/perturb_measure_for_test.h"

namespace rage::rag {
namespace {

std::string listed(const for_test::Rate& rate) {
  std::string out;
  for (const std::string& example : rate.examples) out += "\n  " + example;
  return out;
}

// One swapped room that is shown, and nobody trusts the rest; dropped truths, and nobody uses it.
TEST(Perturbation, TamperedFactsAreDroppedAndTrueSentencesShown) {
  auto statements = for_test::Perturbations(for_test::talks()).generate(4);
  ASSERT_GE(statements.size(), 300U);
  std::erase_if(statements, [&, i = 0](const auto&) mutable { return i++ % 5 != 0; });
  const for_test::Rates rates = for_test::measure(statements, for_test::talks());
  EXPECT_GE(rates.faithful.sentences, 10U);
  EXPECT_EQ(rates.unfaithful.wrong, 0U) << listed(rates.unfaithful);
  EXPECT_EQ(rates.faithful.wrong, 0U) << listed(rates.faithful);
}

}  // namespace
}  // namespace rage::rag
