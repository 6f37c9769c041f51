// `rage reset`: forgets a data directory, after asking.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "cli/local_services.h"
#include "subcommands.h"
#include "up_platform.h"

namespace rage::app {
namespace {

namespace fs = std::filesystem;

Result<void> check_ours(const fs::path& data) {
  std::error_code error;
  if (fs::is_regular_file(data / "run" / "services.json", error)) return {};
  return fail(ErrorCode::kFailedPrecondition,
              "{} is no data directory of `rage up`: it has no run/services.json", data.string());
}

Result<bool> ask(const fs::path& data) {
  if (::isatty(STDIN_FILENO) != 1) {
    return fail(ErrorCode::kFailedPrecondition, "nobody can be asked here: say --yes to delete {}",
                data.string());
  }
  fmt::print("Delete {} with all indexes, conversations and objects in it? [y/N] ", data.string());
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

Result<void> reset(const fs::path& data, bool asked) {
  RETURN_IF_ERROR(check_ours(data));
  if (!asked) {
    ASSIGN_OR_RETURN(const bool wanted, ask(data));
    if (!wanted) return fail(ErrorCode::kCancelled, "nothing was deleted");
  }
  SystemClock clock;
  RETURN_IF_ERROR(cli::LocalServices(clock, data).stop(kStopGrace));
  std::error_code error;
  fs::remove_all(data, error);
  if (error) {
    return fail(ErrorCode::kInternal, "{} is not wholly deleted: {}", data.string(),
                error.message());
  }
  fmt::print("deleted {}\n", data.string());
  return {};
}

}  // namespace

void add_reset(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "reset", "Stop what runs in a data directory and delete all of it, after asking");
  auto data = std::make_shared<std::string>();
  auto yes = std::make_shared<bool>(false);
  command->add_option("--data", *data, "Directory that `rage up` was given")->required();
  command->add_flag("--yes", *yes, "Do not ask");
  command->footer("Example:\n  rage reset --data demo --yes");
  command->callback(
      [=, &exit_code] { exit_code = exit_code_of(reset(fs::absolute(*data), *yes)); });
}

}  // namespace rage::app
