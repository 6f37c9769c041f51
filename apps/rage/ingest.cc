// `rage ingest schedule`: a conference's schedule into an index, and the demo's workflow steps.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "cli/schedule_ingest.h"
#include "ingest_sources.h"
#include "net/http_client.h"
#include "rag_connection.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

struct IngestFlags {
  cli::IngestCommand command;
  RagConnection service;
  std::string out = "output";
  int timeout_s = 30 * 60;
  bool json = false;

  IngestFlags() { command.source.place = "https://www.socallinuxexpo.org/scale/23x/presentations"; }
};

// Runs `body(context, clock, transport)`, which a signal stops between two requests.
template <class Body>
int run_until_signalled(int timeout_s, Body&& body) {
  const ShutdownSignal shutdown;
  std::stop_source ending;
  const std::jthread signals([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (shutdown.wait_for(200ms)) ending.request_stop();
    }
  });
  SystemClock clock;
  const auto transport = net::make_http_transport();
  Context context = Context::with_timeout(std::chrono::seconds(timeout_s));
  context.stop = ending.get_token();
  return body(context, clock, *transport);
}

int run_ingest(IngestFlags flags) {
  auto service = flags.service.options();
  if (!service) return exit_code_of(fail(std::move(service).error()));
  while (flags.command.source.address_base.ends_with('/')) {
    flags.command.source.address_base.pop_back();
  }
  return run_until_signalled(
      flags.timeout_s, [&](const Context& context, Clock& clock, net::HttpTransport& transport) {
        cli::RagClient client(transport, *service);
        const cli::IngestReport report =
            cli::run_schedule_ingest(context, clock, client, transport, flags.command);
        fmt::print("{}", flags.json ? codec::render_json(cli::report_json(report)) + "\n"
                                    : cli::render_for_people(report));
        std::fflush(stdout);
        return cli::exit_code_of(report);
      });
}

int told(const Result<std::size_t>& sessions, const std::filesystem::path& file) {
  if (!sessions) return exit_code_of(Result<void>(fail(sessions.error())));
  fmt::print("{} sessions in {}\n", *sessions, file.string());
  return 0;
}

int run_download(const IngestFlags& flags) {
  return run_until_signalled(flags.timeout_s, [&](const Context& context, Clock& clock,
                                                  net::HttpTransport& transport) {
    return told(cli::download_schedule(context, clock, transport, flags.command.source, flags.out),
                std::filesystem::path(flags.out) / "schedule.json");
  });
}

void add_source(CLI::App& command, IngestFlags& flags) {
  command
      .add_option("source", flags.command.source.place,
                  "The site's list of sessions, the feed of its signs, or a JSON file")
      ->envname("RAGE_SCHEDULE_SOURCE")
      ->capture_default_str();
  command.add_option("--address-base", flags.command.source.address_base,
                     "Scheme and host of the sessions' addresses, where the schedule is read from "
                     "a copy of the site");
  command.add_option("--timeout", flags.timeout_s, "Seconds for all of it")
      ->check(CLI::Range(1, 24 * 3600))
      ->capture_default_str();
}

void add_index_options(CLI::App& command, IngestFlags& flags) {
  command.add_option("--index", flags.command.index, "Name of the index; created if absent")
      ->capture_default_str();
  command
      .add_option("--owner", flags.command.owner,
                  "Whose documents the sessions are; others in the index are left alone")
      ->capture_default_str();
  flags.service.add_to(command);
  command
      .add_option("--max-removed-percent", flags.command.removed_percent_max,
                  "A run that would remove more writes nothing and fails")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command.add_flag("--force", flags.command.force, "Remove as many as are gone");
  command.add_flag("--dry-run", flags.command.dry_run, "Says what it would do");
  command.add_flag("--json", flags.json, "Print the report as JSON");
}

void add_steps(CLI::App& schedule, const std::shared_ptr<IngestFlags>& flags, int& exit_code) {
  CLI::App* download =
      schedule.add_subcommand("download", "Only write the schedule, as DIR/schedule.json");
  download->alias("parse_schedule.py")->alias("parse");
  add_source(*download, *flags);
  download->add_option("--out,--output", flags->out, "Folder to write to")->capture_default_str();
  download->callback([flags, &exit_code] { exit_code = run_download(*flags); });

  CLI::App* format = schedule.add_subcommand(
      "format",
      "Only turn DIR/schedule.json into DIR/schedule_index.json, as POST /index takes it");
  format->alias("format_schedule.py");
  format->add_option("--out,--output", flags->out, "Folder to read from and write to")
      ->capture_default_str();
  format->add_option("--index", flags->command.index, "Name of the index")->capture_default_str();
  format->callback([flags, &exit_code] {
    exit_code = told(cli::format_schedule(flags->out, flags->command.index),
                     std::filesystem::path(flags->out) / "schedule_index.json");
  });
}

}  // namespace

void add_ingest(CLI::App& app, int& exit_code) {
  CLI::App* ingest = app.add_subcommand("ingest", "Make an index equal to what somebody publishes");
  ingest->require_subcommand(1);
  ingest->footer(
      "All of them add what is new, replace what changed and remove what has gone, and a run that "
      "would\n"
      "remove too much removes nothing unless --force says so; what is unchanged costs nothing.\n"
      "Examples:\n"
      "  rage ingest folder ~/handbook --index handbook --owner me\n"
      "  rage ingest site https://docs.example.org/guide/ --index guide --owner me --dry-run\n"
      "  rage ingest schedule https://www.socallinuxexpo.org/scale/23x/signs");
  add_ingest_sources(*ingest, exit_code);
  CLI::App* schedule =
      ingest->add_subcommand("schedule", "A conference's schedule: a site, a feed, a file");
  auto flags = std::make_shared<IngestFlags>();
  add_source(*schedule, *flags);
  add_index_options(*schedule, *flags);
  add_steps(*schedule, flags, exit_code);
  schedule->require_subcommand(0, 1);
  schedule->footer(
      "A session is its address: one that moved is updated, one that was cancelled is removed, "
      "and\n"
      "what did not change costs nothing. Times are those of Los Angeles.\n"
      "Exit codes: 0 the index holds the schedule; 1 trying again may help; 3 somebody has to "
      "act.\n"
      "Examples:\n"
      "  rage ingest schedule https://www.socallinuxexpo.org/scale/23x/signs --dry-run\n"
      "  rage ingest schedule schedule.json --index schedule --json\n"
      "  rage ingest schedule download --out output && rage ingest schedule format --out output");
  schedule->final_callback([schedule, flags, &exit_code] {
    if (schedule->get_subcommands().empty()) exit_code = run_ingest(*flags);
  });
}

}  // namespace rage::app
