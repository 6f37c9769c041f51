// RAGE_WRITE_GOLDEN=1 rewrites src/cli/testdata/estimate_*.
#include "cli/estimate_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/files.h"
#include "test_paths.h"

namespace rage::cli {
namespace {

using codec::Json;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = test::source_dir() / "src/cli/testdata" / name;
  if (std::getenv("RAGE_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  const auto golden = read_file(path, 1 << 20);
  ASSERT_TRUE(golden) << golden.error().message;
  EXPECT_EQ(text, *golden) << name;
}

EstimateReport estimate_report(const EstimateCommand& command) {
  auto report = make_estimate_report(command);
  EXPECT_TRUE(report) << report.error().message;
  return report.value_or(EstimateReport{});
}

std::string error_of(const EstimateCommand& command) {
  const auto report = make_estimate_report(command);
  EXPECT_FALSE(report);
  return report ? "" : report.error().message;
}

TEST(EstimateTable, ComparesACloudsMachines) {
  const EstimateReport report = estimate_report({.model = "gpt-oss-120b"});
  expect_golden("estimate_gpt_oss_120b.txt", render_estimate(report, TableStyle::kAligned));
  expect_golden("estimate_gpt_oss_120b.tsv", render_estimate(report, TableStyle::kTabSeparated));
}

TEST(EstimateTable, MachinesThatDoNotFitAreRows) {
  EstimateCommand command{.model = "phi-3-mini-128k-instruct", .cloud = catalog::Cloud::kAws};
  command.request.context_tokens = 131072;
  const EstimateReport report = estimate_report(command);
  expect_golden("estimate_phi_3_mini_128k_aws.txt", render_estimate(report, TableStyle::kAligned));
  const Json json = estimate_json(report);
  EXPECT_EQ(json["estimates"].size(), report.rows.size());
  int errors = 0;
  for (const Json& row : json["estimates"]) errors += row.contains("error") ? 1 : 0;
  EXPECT_GT(errors, 0);
  EXPECT_LT(errors, static_cast<int>(report.rows.size()));
}

TEST(EstimateTable, OneMachineByTypeBySizeOrBySlice) {
  const EstimateReport by_type =
      estimate_report({.model = "phi-4", .gpu = "standard_nc24ads_a100_v4"});
  ASSERT_EQ(by_type.rows.size(), 1U);
  EXPECT_EQ(by_type.rows[0].name, "Standard_NC24ads_A100_v4");
  const EstimateReport by_size =
      estimate_report({.model = "phi-4", .gpu_memory_gib = 24, .gpus = 2});
  EXPECT_EQ(render_estimate(by_size, TableStyle::kTabSeparated),
            "2 x 24 GiB\t\t2\t24\t1\t2\t3.0\t16384\ttensor 2\n");
  const EstimateReport slice = estimate_report({.model = "phi-4", .mig_profile = "3g.40gb"});
  EXPECT_EQ(slice.rows[0].estimate->nodes, 1);
}

TEST(EstimateTable, JsonHoldsWhatTheTableShows) {
  const Json json =
      estimate_json(estimate_report({.model = "PHI-4", .gpu = "Standard_NC24ads_A100_v4"}));
  EXPECT_EQ(json["model"], "microsoft/phi-4");
  EXPECT_EQ(json["rules"], "truthful");
  EXPECT_EQ(json["diskRequirement"], "107Gi");
  const Json& row = json["estimates"][0];
  EXPECT_EQ(row["nodes"], 1);
  EXPECT_EQ(row["parallelism"], "one GPU");
  EXPECT_EQ(row["contextTokensFit"], 16384);
}

TEST(EstimateTable, UpstreamRulesAreNamed) {
  EstimateCommand command{.model = "gpt-oss-120b", .gpu = "Standard_NC24ads_A100_v4"};
  command.request.rules = catalog::EstimateRules::kUpstream;
  EXPECT_THAT(render_estimate(estimate_report(command), TableStyle::kAligned),
              AllOf(HasSubstr("121.5 GiB of weights"), HasSubstr("KAITO's rules"),
                    EndsWith("pipeline 3\n")));
}

TEST(EstimateErrors, NameTheNearestModels) {
  EXPECT_THAT(error_of({.model = "phi4"}),
              AllOf(HasSubstr("phi4 is not in the catalogue"), HasSubstr("microsoft/phi-4"),
                    HasSubstr("--list")));
  EXPECT_THAT(nearest_models("gpt-oss"), ElementsAre("openai/gpt-oss-20b", "openai/gpt-oss-120b"));
  EXPECT_THAT(nearest_models("lama-3.1-8b-instruct", 1),
              ElementsAre("meta-llama/Llama-3.1-8B-Instruct"));
  EXPECT_THAT(nearest_models("zzzzzzzzzz"), IsEmpty());
  EXPECT_EQ(nearest_models(std::string(5000, 'x')).size(), 0U);
  EXPECT_THAT(error_of({.model = "phi-2"}), HasSubstr("deprecated"));
}

TEST(EstimateErrors, SayWhatIsWrongWithTheMachine) {
  EXPECT_THAT(error_of({.model = "phi-4", .gpu = "Standard_D4s"}), HasSubstr("--gpu-memory"));
  EXPECT_THAT(error_of({.model = "phi-4", .gpu = "trn1.2xlarge"}), HasSubstr("Trainium"));
  EXPECT_THAT(error_of({.model = "phi-4", .mig_profile = "1g.1gb"}), HasSubstr("3g.40gb"));
  EXPECT_THAT(error_of({.model = "phi-4", .gpu_memory_gib = 2}), HasSubstr("would fit"));
  EstimateCommand command{.model = "phi-4"};
  command.request.context_tokens = 20000;
  EXPECT_EQ(error_of(command), "microsoft/phi-4 takes at most 16384 tokens, not 20000");
}

TEST(ModelList, HasEveryModel) {
  EXPECT_EQ(model_list_json()["models"].size(), catalog::models().size());
  EXPECT_THAT(render_model_list(TableStyle::kTabSeparated),
              HasSubstr("microsoft/phi-4\t27.3\t16384\t\tphi-4\n"));
  EXPECT_THAT(render_model_list(TableStyle::kAligned), HasSubstr("openai/gpt-oss-20b "));
}

}  // namespace
}  // namespace rage::cli
