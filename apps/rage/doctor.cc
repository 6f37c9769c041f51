// `rage doctor`.
#include "inspect/doctor.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "cluster_options.h"
#include "subcommands.h"

namespace rage::app {

void add_doctor(CLI::App& app, int& exit_code) {
  struct Flags {
    ClusterOptions cluster;
    std::vector<std::string> arguments;
    bool json = false;
  };
  CLI::App* command =
      app.add_subcommand("doctor", "Why is this not ready? Causes, evidence, what to do");
  auto flags = std::make_shared<Flags>();
  command->add_option("what", flags->arguments,
                      "KIND/NAME... of our kinds; default: all of the namespace");
  flags->cluster.add_to(*command, AllNamespaces::kOffered);
  command->add_flag("--json", flags->json, "Print JSON");
  command->footer(
      "Looks at the resource, its children, pods, nodes, events and what it names, and at the\n"
      "operator, its CRDs and webhooks; changes nothing. What causes something comes before what\n"
      "it causes. Exits with 0 if all is well, with 1 if not.\n"
      "Examples:\n"
      "  rage doctor                       everything in the namespace\n"
      "  rage doctor -A --json\n"
      "  rage doctor inferenceset/phi -n team-a");
  command->callback([flags, &exit_code] {
    const auto diagnosis = flags->cluster.run([&](const inspect::Cluster& cluster) {
      auto found = inspect::examine(Context{}, cluster, flags->arguments);
      if (found) {
        cluster.output.out(flags->json
                               ? codec::render_json_pretty(inspect::diagnosis_json(*found)) + "\n"
                               : inspect::render_diagnosis(*found, cluster.output.colour));
      }
      return found;
    });
    exit_code = !diagnosis ? exit_code_of(fail(diagnosis.error())) : diagnosis->well() ? 0 : 1;
  });
}

}  // namespace rage::app
