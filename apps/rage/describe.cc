// `rage describe`.
#include "inspect/describe.h"

#include <memory>
#include <vector>

#include "cluster_options.h"
#include "subcommands.h"

namespace rage::app {

void add_describe(CLI::App& app, int& exit_code) {
  struct Flags {
    ClusterOptions cluster;
    std::vector<std::string> arguments;
  };
  CLI::App* command =
      app.add_subcommand("describe", "One resource: spec, conditions, children, pods, events");
  auto flags = std::make_shared<Flags>();
  command->add_option("what", flags->arguments, "KIND/NAME, KIND NAME, or KIND for all of them")
      ->required();
  flags->cluster.add_to(*command, AllNamespaces::kOffered);
  command->footer(
      "Shows conditions with their whole message, what belongs to the resource as a tree, each\n"
      "container's state and last exit, and events, the newest last. Secrets' data is never "
      "shown.\n"
      "Examples:\n"
      "  rage describe inferenceset/phi\n"
      "  rage describe workspace phi -n team-a\n"
      "  rage describe node gpu-0");
  command->callback([flags, &exit_code] {
    exit_code = exit_code_of(flags->cluster.run([&](const inspect::Cluster& cluster) {
      return inspect::run_describe(Context{}, cluster, flags->arguments);
    }));
  });
}

}  // namespace rage::app
