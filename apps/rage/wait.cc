// `rage wait`.
#include "inspect/wait.h"

#include <memory>

#include "cluster_options.h"
#include "subcommands.h"

namespace rage::app {

void add_wait(CLI::App& app, int& exit_code) {
  struct Flags {
    ClusterOptions cluster;
    inspect::WaitCommand command;
    std::string timeout = "30s";
  };
  CLI::App* command = app.add_subcommand("wait", "Wait until resources are as wanted");
  auto flags = std::make_shared<Flags>();
  command->add_option("what", flags->command.arguments, "KIND/NAME... or KIND NAME...")->required();
  flags->cluster.add_to(*command, AllNamespaces::kNot);
  command
      ->add_option("--for", flags->command.goal,
                   "ready, condition=NAME[=STATUS], delete, create or jsonpath={...}[=VALUE]")
      ->capture_default_str();
  command->add_option("--timeout", flags->timeout, "30s, 5m, 1h30m; 0: look once; =-1s: a week")
      ->capture_default_str();
  command->footer(
      "\"ready\" is what says so for the kind: WorkspaceSucceeded, InferenceSetReady, "
      "ServiceReady, "
      "Ready.\n"
      "If the time is over it prints why, as `rage doctor` does, and exits with 1.\n"
      "Examples:\n"
      "  rage wait workspace/phi --timeout 20m\n"
      "  rage wait inferenceset/phi --for condition=RolloutProgressing=False\n"
      "  rage wait ragengine handbook --for delete\n"
      "  rage wait workspace/phi --for jsonpath={.status.state}=Ready");
  command->callback([flags, &exit_code] {
    exit_code = exit_code_of([&]() -> Result<void> {
      ASSIGN_OR_RETURN(flags->command.timeout, inspect::parse_duration(flags->timeout));
      return flags->cluster.run([&](const inspect::Cluster& cluster) {
        return inspect::run_wait(Context{}, cluster, flags->command);
      });
    }());
  });
}

}  // namespace rage::app
