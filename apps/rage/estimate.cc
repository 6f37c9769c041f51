// `rage estimate`.
#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "cli/estimate_table.h"
#include "subcommands.h"

namespace rage::app {
namespace {

struct EstimateFlags {
  cli::EstimateCommand command;
  bool list = false;
  bool json = false;
  bool upstream = false;
};

cli::TableStyle table_style() {
  return ::isatty(STDOUT_FILENO) == 1 ? cli::TableStyle::kAligned : cli::TableStyle::kTabSeparated;
}

void print(const codec::Json& json) {
  fmt::print("{}\n", codec::render_json_pretty(json));
}

Result<void> run(EstimateFlags flags) {
  if (flags.list) {
    if (flags.json) {
      print(cli::model_list_json());
    } else {
      fmt::print("{}", cli::render_model_list(table_style()));
    }
    return {};
  }
  if (flags.command.model.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "name a model, or see `rage estimate --list` and `rage estimate --help`");
  }
  if (flags.upstream) flags.command.request.rules = catalog::EstimateRules::kUpstream;
  ASSIGN_OR_RETURN(const cli::EstimateReport report, cli::make_estimate_report(flags.command));
  if (flags.json) {
    print(cli::estimate_json(report));
  } else {
    fmt::print("{}", cli::render_estimate(report, table_style()));
  }
  return {};
}

}  // namespace

void add_estimate(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("estimate", "How many GPU nodes a model needs, and what is left on them");
  auto flags = std::make_shared<EstimateFlags>();
  cli::EstimateCommand& wanted = flags->command;
  command->add_option("model", wanted.model, "Id or alias of a model of the catalogue");
  auto* gpu = command->add_option("--gpu", wanted.gpu, "Instance type of a cloud");
  auto* memory = command
                     ->add_option("--gpu-memory", wanted.gpu_memory_gib,
                                  "GiB of one GPU of a machine of your own")
                     ->check(CLI::Range(1.0, 10000.0));
  command->add_option("--gpus", wanted.gpus, "GPUs of that machine")
      ->check(CLI::Range(1, 1024))
      ->needs(memory)
      ->capture_default_str();
  auto* mig = command->add_option("--mig", wanted.mig_profile, "MIG profile, as 3g.40gb");
  gpu->excludes(memory)->excludes(mig);
  memory->excludes(mig);
  const std::map<std::string, catalog::Cloud> clouds{{"azure", catalog::Cloud::kAzure},
                                                     {"aws", catalog::Cloud::kAws},
                                                     {"arc", catalog::Cloud::kArc}};
  command->add_option("--cloud", wanted.cloud, "Whose instance types to compare (default: azure)")
      ->transform(CLI::CheckedTransformer(clouds, CLI::ignore_case));
  command->add_option("--context", wanted.request.context_tokens, "Tokens of one sequence")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
  command->add_flag("--upstream", flags->upstream,
                    "KAITO's rules: no sliding windows, every file counted, two bytes a number");
  command->add_flag("--list", flags->list, "List the models of the catalogue");
  command->add_flag("--json", flags->json, "Print JSON");
  command->footer(
      "Columns: machine, GPU, GPUs a node, GiB a GPU, nodes, all GPUs, GiB left for KV cache on a "
      "GPU,\nlongest context in tokens, parallelism; separated by tabs unless a terminal reads "
      "them.\n"
      "The operator plans Workspaces with the same numbers.\n"
      "Examples:\n"
      "  rage estimate gpt-oss-120b                                  compare Azure's machines\n"
      "  rage estimate phi-4 --cloud aws --context 16384\n"
      "  rage estimate phi-4 --gpu Standard_NC24ads_A100_v4 --json\n"
      "  rage estimate google/gemma-3-27b-it --gpu-memory 48 --gpus 2  a machine of your own\n"
      "  rage estimate phi-4 --mig 3g.40gb                           a slice of a GPU\n"
      "  rage estimate --list");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run(*flags)); });
}

}  // namespace rage::app
