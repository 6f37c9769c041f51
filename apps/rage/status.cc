// `rage status`, `rage down`: the services of one data directory on this machine.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/local_services.h"
#include "data_option.h"
#include "net/http_client.h"
#include "subcommands.h"
#include "up_platform.h"

namespace rage::app {
namespace {

namespace fs = std::filesystem;
using codec::Json;

bool runs_platform(const cli::ServiceStatus& service) {
  return service.state.name == "platform" && service.ready;
}

// What runs on the platform, behind the platform's own line.
void add_platform_lines(const std::string& data, Json& lines) {
  const auto found = platform_services(fs::absolute(data));
  if (!found) {
    lines.back()["ready"] = false;
    lines.back()["why"] = found.error().message;
    return;
  }
  for (const platform::RunningService& each : *found) {
    Json line = {{"name", each.name}, {"url", each.url}, {"ready", each.ready}};
    line["object"] = each.object;
    if (!each.why.empty()) line["why"] = each.why;
    if (!each.substituted.empty()) line["substituted"] = each.substituted;
    lines.push_back(std::move(line));
  }
}

std::string status_line(const Json& line) {
  const bool ready = line["ready"].get<bool>();
  std::string said = codec::string_or(line, ready ? "object" : "why", "");
  const std::string substituted = codec::string_or(line, "substituted", "");
  if (!substituted.empty()) said += ", substituted: " + substituted;
  return fmt::format("{}\t{}\t{}\t{}", codec::string_or(line, "name", ""),
                     ready ? "ready" : "starting", codec::string_or(line, "url", ""), said);
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("status", "Which services of a data directory run");
  auto data = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  add_data_option(*command, *data);
  command->add_flag("--json", *json, "Print JSON");
  command->footer(
      "Exit code 0 if all that was started is ready, 3 if nothing runs, 1 otherwise.\n"
      "Example:\n  rage status --json | jq -r '.services[] | select(.name == \"rag\").url'");
  command->callback([=, &exit_code] {
    SystemClock clock;
    const auto transport = net::make_http_transport();
    const auto services = cli::LocalServices(clock, fs::absolute(*data)).status(*transport);
    if (!services) {
      exit_code = exit_code_of(fail(services.error()));
      return;
    }
    bool all_ready = true;
    Json lines = cli::render_status(*services)["services"];
    if (std::ranges::any_of(*services, runs_platform)) add_platform_lines(*data, lines);
    for (const Json& line : lines) {
      all_ready = all_ready && line["ready"].get<bool>();
      if (!*json) fmt::print("{}\n", status_line(line));
    }
    if (*json) fmt::print("{}\n", codec::render_json({{"services", lines}}));
    if (services->empty() && !*json) fmt::print("nothing runs\n");
    exit_code = services->empty() ? 3 : all_ready ? 0 : 1;
  });
}

void add_down(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("down", "Stop the services of a data directory; its indexes stay");
  auto data = std::make_shared<std::string>();
  add_data_option(*command, *data);
  command->footer("Example:\n  rage down --data /srv/rage");
  command->callback([=, &exit_code] {
    SystemClock clock;
    const auto stopped = cli::LocalServices(clock, fs::absolute(*data)).stop(kStopGrace);
    if (stopped) fmt::print("{}\n", *stopped == 0 ? "nothing was running" : "stopped");
    exit_code = stopped ? 0 : exit_code_of(fail(stopped.error()));
  });
}

}  // namespace rage::app
