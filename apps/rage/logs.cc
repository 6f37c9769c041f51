// `rage logs`.
#include "inspect/logs.h"

#include <memory>

#include "cluster_options.h"
#include "inspect/wait.h"
#include "subcommands.h"

namespace rage::app {

void add_logs(CLI::App& app, int& exit_code) {
  struct Flags {
    ClusterOptions cluster;
    inspect::LogsCommand command;
    std::string since;
  };
  CLI::App* command = app.add_subcommand("logs", "What the containers behind a resource say");
  auto flags = std::make_shared<Flags>();
  inspect::LogsCommand& wanted = flags->command;
  command->add_option("what", wanted.arguments, "KIND/NAME, KIND NAME, or a pod's name")
      ->required();
  flags->cluster.add_to(*command, AllNamespaces::kNot);
  auto* container =
      command->add_option("-c,--container", wanted.container, "Container; default: the main one");
  command->add_flag("--all-containers", wanted.all_containers, "Of every container")
      ->excludes(container);
  auto* follow =
      command->add_flag("-f,--follow", wanted.follow, "Go on, also with restarts and new replicas");
  command->add_flag("-p,--previous", wanted.previous, "Of the run before the last restart")
      ->excludes(follow);
  command->add_option("--tail", wanted.tail_lines,
                      "Lines from the end; default: all of one log, ten of several");
  command->add_option("--since", flags->since, "Not older than 10s, 5m or 2h");
  command->add_flag("--timestamps", wanted.timestamps, "Each line's time before it");
  command->add_flag("--prefix", wanted.prefix, "Each line's pod and container before it");
  command->add_option("--max-log-requests", wanted.streams_max, "Logs read at once")
      ->check(CLI::Range(1, 500))
      ->capture_default_str();
  command->footer(
      "Finds the pods of a Workspace, InferenceSet, RAGEngine or any other owner. Several logs "
      "are\n"
      "told apart by [pod/NAME/CONTAINER] before each line.\n"
      "Examples:\n"
      "  rage logs workspace/phi -f\n"
      "  rage logs inferenceset/phi --since 10m\n"
      "  rage logs ragengine/handbook --previous --tail 50");
  command->callback([flags, &exit_code] {
    exit_code = exit_code_of([&]() -> Result<void> {
      if (!flags->since.empty()) {
        ASSIGN_OR_RETURN(const auto since, inspect::parse_duration(flags->since));
        flags->command.since_seconds = (since.count() + 999) / 1000;
      }
      return flags->cluster.run([&](const inspect::Cluster& cluster) {
        return inspect::run_logs(Context{}, cluster, flags->command);
      });
    }());
  });
}

}  // namespace rage::app
