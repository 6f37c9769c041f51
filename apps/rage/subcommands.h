// One function a subcommand: adds it to the parser; its callback sets `exit_code`.
#pragma once

#include <CLI/CLI.hpp>

#include "base/error.h"

namespace rage::app {

void add_apiserver(CLI::App& app, int& exit_code);
void add_apply(CLI::App& app, int& exit_code);
void add_ask(CLI::App& app, int& exit_code);
void add_assistant(CLI::App& app, int& exit_code);
void add_auto_index(CLI::App& app, int& exit_code);
void add_bbr(CLI::App& app, int& exit_code);
void add_controllers(CLI::App& app, int& exit_code);
void add_dashboard(CLI::App& app, int& exit_code);
void add_describe(CLI::App& app, int& exit_code);
void add_doctor(CLI::App& app, int& exit_code);
void add_down(CLI::App& app, int& exit_code);
void add_epp(CLI::App& app, int& exit_code);
void add_estimate(CLI::App& app, int& exit_code);
void add_eval(CLI::App& app, int& exit_code);
void add_explain(CLI::App& app, int& exit_code);
void add_gateway(CLI::App& app, int& exit_code);
void add_get(CLI::App& app, int& exit_code);
void add_index(CLI::App& app, int& exit_code);
void add_ingest(CLI::App& app, int& exit_code);
void add_kustomize(CLI::App& app, int& exit_code);
void add_logs(CLI::App& app, int& exit_code);
void add_model(CLI::App& app, int& exit_code);
void add_node(CLI::App& app, int& exit_code);
void add_operator(CLI::App& app, int& exit_code);
void add_pd_sidecar(CLI::App& app, int& exit_code);
void add_platform(CLI::App& app, int& exit_code);
void add_rag(CLI::App& app, int& exit_code);
void add_export(CLI::App& app, int& exit_code);
void add_reset(CLI::App& app, int& exit_code);
void add_retrieve(CLI::App& app, int& exit_code);
void add_sim_model(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_up(CLI::App& app, int& exit_code);
void add_wait(CLI::App& app, int& exit_code);

// git is told to use us as its ssh, because without a shell, which our image lacks, it cannot be
// told ssh's options. Does not return then.
void become_ssh_if_git_asks(int argc, char** argv);

// 0, or prints "rage: <message>" to standard error and returns 1.
int exit_code_of(const Result<void>& result);

}  // namespace rage::app
