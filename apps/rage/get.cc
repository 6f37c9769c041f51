// `rage get`.
#include <memory>

#include "cluster_options.h"
#include "inspect/get.h"
#include "subcommands.h"

namespace rage::app {

void add_get(CLI::App& app, int& exit_code) {
  struct Flags {
    ClusterOptions cluster;
    inspect::GetCommand command;
    std::string output;
    bool no_headers = false;
  };
  CLI::App* command = app.add_subcommand("get", "List or print resources of a Kubernetes cluster");
  auto flags = std::make_shared<Flags>();
  command
      ->add_option("what", flags->command.arguments,
                   "KIND, KIND NAME..., KIND/NAME... or KIND,KIND")
      ->required();
  flags->cluster.add_to(*command, AllNamespaces::kOffered);
  command->add_option("-l,--selector", flags->command.label_selector,
                      "Only those with these labels, as app=phi,tier!=test");
  command->add_option("--field-selector", flags->command.field_selector,
                      "Only those with these fields, as status.phase=Running");
  command->add_option("-o,--output", flags->output,
                      "wide, json, yaml, name, tsv or jsonpath={...}");
  command->add_flag("-w,--watch", flags->command.watch, "Go on with every change");
  command->add_flag("--no-headers", flags->no_headers, "Rows alone");
  command->footer(
      "Prints what kubectl prints. A kind is named by plural, singular or short name, in any "
      "case,\n"
      "perhaps with its group (deployments.apps); every kind the server has will do.\n"
      "Examples:\n"
      "  rage get workspaces -A                     every Workspace, its state and its age\n"
      "  rage get inferenceset phi -o wide          with what is not ready and why\n"
      "  rage get pods -l kaito.sh/workspace=phi -w\n"
      "  rage get workspace/phi -o jsonpath={.status.state}\n"
      "  rage get rag,pvc -o tsv                    for scripts: tabs, no header");
  command->callback([flags, &exit_code] {
    flags->command.headers = !flags->no_headers;
    exit_code = exit_code_of([&]() -> Result<void> {
      RETURN_IF_ERROR(inspect::set_format(flags->command, flags->output));
      return flags->cluster.run([&](const inspect::Cluster& cluster) {
        return inspect::run_get(Context{}, cluster, flags->command);
      });
    }());
  });
}

}  // namespace rage::app
