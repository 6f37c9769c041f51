// The one executable: picks a subcommand and runs it.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "convert_docx.h"
#include "index_commands.h"
#include "subcommands.h"

namespace rage::app {

int exit_code_of(const Result<void>& result) {
  if (result) return 0;
  fmt::print(stderr, "rage: {}\n", result.error().message);
  return 1;
}

}  // namespace rage::app

int main(int argc, char** argv) {
  rage::app::become_ssh_if_git_asks(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app(
      "RAGE: language models and retrieval-augmented generation, as Kubernetes resources or on one "
      "machine.\n"
      "A wrong answer is worse than \"I don't know\".",
      "rage");
  app.require_subcommand(1);
  app.set_version_flag("--version", "rage " RAGE_VERSION);
  app.footer(
      "Examples:\n"
      "  rage up                                    start everything here, with an example\n"
      "  rage index handbook docs/                  index a folder of text and Markdown\n"
      "  rage ask handbook \"Who approves travel?\"   a grounded answer, or an honest no\n"
      "  rage doctor workspace/phi                  why a resource of a cluster is not ready\n"
      "  rage COMMAND --help                        options and examples of a command");
  int exit_code = 0;
  rage::app::add_up(app, exit_code);
  rage::app::add_status(app, exit_code);
  rage::app::add_dashboard(app, exit_code);
  rage::app::add_down(app, exit_code);
  rage::app::add_reset(app, exit_code);
  rage::app::add_export(app, exit_code);
  rage::app::add_index(app, exit_code);
  rage::app::add_reindex(app, exit_code);
  rage::app::add_backup(app, exit_code);
  rage::app::add_restore(app, exit_code);
  rage::app::add_retrieve(app, exit_code);
  rage::app::add_ask(app, exit_code);
  rage::app::add_eval(app, exit_code);
  rage::app::add_explain(app, exit_code);
  rage::app::add_auto_index(app, exit_code);
  rage::app::add_ingest(app, exit_code);
  rage::app::add_assistant(app, exit_code);
  rage::app::add_model(app, exit_code);
  rage::app::add_rag(app, exit_code);
  rage::app::add_estimate(app, exit_code);
  rage::app::add_apply(app, exit_code);
  rage::app::add_kustomize(app, exit_code);
  rage::app::add_platform(app, exit_code);
  rage::app::add_apiserver(app, exit_code);
  rage::app::add_controllers(app, exit_code);
  rage::app::add_node(app, exit_code);
  rage::app::add_operator(app, exit_code);
  rage::app::add_gateway(app, exit_code);
  rage::app::add_bbr(app, exit_code);
  rage::app::add_epp(app, exit_code);
  rage::app::add_pd_sidecar(app, exit_code);
  rage::app::add_get(app, exit_code);
  rage::app::add_describe(app, exit_code);
  rage::app::add_logs(app, exit_code);
  rage::app::add_wait(app, exit_code);
  rage::app::add_doctor(app, exit_code);
  rage::app::add_sim_model(app, exit_code);
  rage::app::add_convert_docx(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {  // The root's last catch: nothing of ours throws.
    fmt::print(stderr, "rage: {}\n", error.what());
    return 1;
  }
  return exit_code;
}
