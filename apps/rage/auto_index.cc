// `rage auto-index`: what the pods of an AutoIndexer run; of use by hand as well, also as
// `rage ingest folder`, `git` and `site`.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/auto_index.h"
#include "ingest_sources.h"
#include "net/http_client.h"
#include "rag_connection.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

struct Flags {
  cli::AutoIndexCommand command;
  cli::GitRequest git;
  cli::FolderRequest folder;
  cli::SiteRequest site;
  double pause_s = 0.5;  // Of the site.
  RagConnection service;
  cli::RagClientOptions client;  // Of it.
  std::string credentials;
  std::string report;
  int timeout_s = 50 * 60;
  bool remove_all = false;
  bool json = false;
};

constexpr const char* kOwnProgram = "/proc/self/exe";

// Written in place: a termination message is a file that is there, in a folder that is not ours.
Result<void> write_report(const std::string& path, const apis::IndexReport& report) {
  std::ofstream file(path, std::ios::trunc);
  file << apis::render_index_report(report);
  file.close();
  if (!file) return fail(ErrorCode::kUnavailable, "cannot write the report to {}", path);
  return {};
}

Result<void> complete(Flags& flags) {
  const int sources = (flags.git.url.empty() ? 0 : 1) + (flags.command.urls.empty() ? 0 : 1) +
                      (flags.folder.folder.empty() ? 0 : 1) + (flags.site.url.empty() ? 0 : 1) +
                      (flags.remove_all ? 1 : 0);
  if (sources != 1) {
    return fail(ErrorCode::kInvalidArgument, "give one of --git, --url and --remove-all");
  }
  if (!flags.git.url.empty()) flags.command.git = flags.git;
  if (!flags.site.url.empty()) {
    flags.site.include = flags.git.include;
    flags.site.exclude = flags.git.exclude;
    flags.site.pause = std::chrono::milliseconds(static_cast<long>(flags.pause_s * 1000));
    flags.command.site = flags.site;
  }
  if (!flags.folder.folder.empty()) {
    flags.folder.include = flags.git.include;
    flags.folder.exclude = flags.git.exclude;
    flags.command.folder = flags.folder;
  }
  std::error_code error;
  const auto program = std::filesystem::read_symlink(kOwnProgram, error);
  if (!error) flags.command.source.ssh_program = program.string();
  if (::isatty(STDERR_FILENO) == 1) {
    flags.command.source.progress = [](const std::string& line) {
      fmt::print(stderr, "\r{}\x1b[K", line);
    };
  }
  ASSIGN_OR_RETURN(flags.client, flags.service.options());
  ASSIGN_OR_RETURN(flags.command.source.credentials, cli::load_credentials(flags.credentials));
  return {};
}

cli::IndexRun run(const Flags& flags) {
  const ShutdownSignal shutdown;  // A pod that is asked to go stops between two requests.
  std::stop_source ending;
  const std::jthread signals([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (shutdown.wait_for(200ms)) ending.request_stop();
    }
  });
  SystemClock clock;
  const auto inside = net::make_http_transport();
  const auto outside = net::make_http_transport();  // Of its own: see net::Peers.
  cli::RagClient client(*inside, flags.client);
  Context context = Context::with_timeout(std::chrono::seconds(flags.timeout_s));
  context.stop = ending.get_token();
  return cli::run_auto_index(context, clock, client, *outside, flags.command);
}

int run_auto_index(Flags flags) {
  if (const auto completed = complete(flags); !completed) {
    (void)exit_code_of(completed);
    if (!flags.report.empty()) {
      (void)write_report(flags.report,
                         {.reason = "InvalidSource", .message = completed.error().message});
    }
    return 3;
  }
  const cli::IndexRun done = run(flags);
  if (flags.command.source.progress) flags.command.source.progress("");
  fmt::print("{}", flags.json ? codec::render_json(cli::run_json(done)) + "\n"
                              : cli::render_for_people(done));
  std::fflush(stdout);
  if (!flags.report.empty()) {
    if (const auto written = write_report(flags.report, done.report); !written) {
      (void)exit_code_of(written);
    }
  }
  return cli::exit_code_of(done.report);
}

void add_globs(CLI::App& command, Flags& flags) {
  command.add_option("--include", flags.git.include,
                     "Glob of files to index, as in .gitignore; may be repeated. Default: all that "
                     "can be read, without hidden ones and source code");
  command.add_option("--exclude", flags.git.exclude, "Glob of files to leave out; it wins");
}

void add_access(CLI::App& command, Flags& flags) {
  command
      .add_option("--credentials", flags.credentials,
                  "Folder with files username and password, token, or ssh-privatekey and "
                  "known_hosts; sent over https and ssh only")
      ->envname("RAGE_CREDENTIALS");
  command.add_flag("--allow-local", flags.command.source.allow_local,
                   "Sources on this host and link-local addresses are fine, and file:// and "
                   "http:// for git");
}

void add_source_options(CLI::App& command, Flags& flags) {
  command.add_option("--git", flags.git.url,
                     "A repository: https://, ssh:// or user@host:path; fetched without history");
  command.add_option("--ref", flags.git.ref, "Its branch, tag or commit")->capture_default_str();
  add_globs(command, flags);
  command.add_option("--url", flags.command.urls, "A document on the web; may be repeated");
  command.add_flag("--remove-all", flags.remove_all,
                   "No source: removes every document of this owner");
  add_access(command, flags);
}

void add_index_options(CLI::App& command, Flags& flags) {
  command.add_option("--index", flags.command.index, "Name of the index; created if absent")
      ->required();
  command
      .add_option("--owner", flags.command.source.owner,
                  "Whose documents they are, such as NAMESPACE/NAME; only those are changed")
      ->required();
  flags.service.add_to(command);
  command.add_flag("--keep-removed", flags.command.keep_removed,
                   "Documents that left the source stay in the index");
  command
      .add_option("--max-removed-percent", flags.command.removed_percent_max,
                  "A run that would remove more removes nothing and fails")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command.add_flag("--force", flags.command.force, "Remove as many as are gone");
  command.add_flag("--dry-run", flags.command.dry_run, "Says what it would do");
  command.add_option("--timeout", flags.timeout_s, "Seconds for all of it")
      ->check(CLI::Range(1, 7 * 24 * 3600))
      ->capture_default_str();
  command.add_option("--report", flags.report, "File for the report, as JSON of at most 4 KiB");
  command.add_flag("--json", flags.json, "Print the report as JSON");
}

void add_site_options(CLI::App& command, Flags& flags) {
  command.add_option("url", flags.site.url, "http:// or https://, where reading begins")
      ->required();
  command.add_option("--prefix", flags.site.prefix,
                     "Read what is below this path, such as / for all of the site. Default: the "
                     "address and what is below it");
  command.add_option("--include", flags.git.include,
                     "Glob of paths to index, as in .gitignore; may be repeated. Other pages are "
                     "read for their links alone");
  command.add_option("--exclude", flags.git.exclude,
                     "Glob of paths that are not asked for; may be repeated");
  command.add_option("--depth", flags.site.depth_max, "Links from the first page at most")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command.add_option("--max-pages", flags.site.pages_max, "Pages to ask for at most")
      ->check(CLI::Range(1, 20'000))
      ->capture_default_str();
  command
      .add_option("--pause", flags.pause_s,
                  "Seconds between two requests; more if robots.txt asks for it")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  command.add_option("--parallel", flags.site.parallel, "Requests that wait for a reply at a time")
      ->check(CLI::Range(1, 8))
      ->capture_default_str();
  command
      .add_option("--credentials", flags.credentials,
                  "Folder with files username and password, or token; sent over https only")
      ->envname("RAGE_CREDENTIALS");
  command.add_flag("--allow-local", flags.command.source.allow_local,
                   "The site's name may lead to this host or to link-local addresses; needless "
                   "for localhost and IP addresses. Credentials travel over http as well");
}

void add_ingest_site(CLI::App& ingest, int& exit_code) {
  CLI::App* site = ingest.add_subcommand("site", "A web site: pages, PDF, Word, Markdown, text");
  auto flags = std::make_shared<Flags>();
  add_site_options(*site, *flags);
  add_index_options(*site, *flags);
  site->footer(
      "Follows links and sitemaps within the site, as its robots.txt, rel=nofollow, <meta\n"
      "name=robots> and rel=canonical allow; asks no other host. Adds what is new, replaces what\n"
      "changed, removes what answers 404; a page that fails keeps its old text, and what is\n"
      "unchanged costs no embedding and, where the server sends ETag or Last-Modified, no "
      "download.\n"
      "Exit codes: 0 the index holds the site; 1 trying again may help; 3 somebody has to act.\n"
      "Examples:\n"
      "  rage ingest site https://docs.example.org/guide/ --index guide --owner me --dry-run\n"
      "  rage ingest site https://example.org/blog --prefix / --exclude 'tags/**' --index blog \\\n"
      "    --owner me --max-pages 2000 --pause 1\n"
      "  rage ingest site http://localhost:8000/ --index draft --owner me --pause 0");
  site->callback([flags, &exit_code] { exit_code = run_auto_index(std::move(*flags)); });
}

}  // namespace

void become_ssh_if_git_asks(int argc, char** argv) {
  const char* key = std::getenv(cli::kSshKeyVariable);
  const char* known_hosts = std::getenv(cli::kKnownHostsVariable);
  if (key == nullptr || known_hosts == nullptr) return;
  std::vector<std::string> words = {"ssh", "-F", "/dev/null", "-i", key};
  for (const std::string& option :
       {std::string("IdentitiesOnly=yes"), std::string("BatchMode=yes"),
        std::string("ConnectTimeout=20"), std::string("StrictHostKeyChecking=yes"),
        std::string("UserKnownHostsFile=") + known_hosts}) {
    words.emplace_back("-o");
    words.push_back(option);
  }
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execvp(pointers[0], pointers.data());
  fmt::print(stderr, "rage: cannot run ssh: {}\n", std::strerror(errno));
  std::exit(127);
}

void add_ingest_sources(CLI::App& ingest, int& exit_code) {
  constexpr const char* kFooter =
      "Adds what is new, replaces what changed, removes what has gone; what is unchanged costs "
      "nothing.\n"
      "Exit codes: 0 the index holds the source; 1 trying again may help; 3 somebody has to act.\n"
      "Examples:\n"
      "  rage ingest folder ~/handbook --index handbook --owner me\n"
      "  rage ingest git https://github.com/acme/shop.git --index shop --owner me \\\n"
      "    --include 'src/**/*.py' --include '*.md'";
  CLI::App* folder = ingest.add_subcommand("folder", "A folder: text, pages, PDF, Word, JSON");
  auto of_folder = std::make_shared<Flags>();
  folder->add_option("folder", of_folder->folder.folder, "The folder")->required();
  CLI::App* git = ingest.add_subcommand("git", "A git repository, fetched without history");
  auto of_git = std::make_shared<Flags>();
  git->add_option("url", of_git->git.url, "https://, ssh:// or user@host:path")->required();
  git->add_option("--ref", of_git->git.ref, "Its branch, tag or commit")->capture_default_str();
  add_access(*git, *of_git);
  for (const auto& [command, flags] : {std::pair{folder, of_folder}, {git, of_git}}) {
    add_globs(*command, *flags);
    add_index_options(*command, *flags);
    command->footer(kFooter);
    command->callback([flags, &exit_code] { exit_code = run_auto_index(std::move(*flags)); });
  }
  add_ingest_site(ingest, exit_code);
}

void add_auto_index(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("auto-index", "Make an index equal to a git repository or a list of URLs");
  auto flags = std::make_shared<Flags>();
  add_index_options(*command, *flags);
  add_source_options(*command, *flags);
  command->footer(
      "Adds what is new, replaces what changed, removes what left the source; what is unchanged\n"
      "costs nothing, and a run that was cut short is completed by the next.\n"
      "Exit codes: 0 the index holds the source; 1 trying again may help; 3 somebody has to act.\n"
      "Examples:\n"
      "  rage auto-index --index handbook --owner me --git https://github.com/acme/handbook.git\n"
      "  rage auto-index --index handbook --owner me --git git@github.com:acme/handbook.git \\\n"
      "    --ref v2 --include 'docs/**/*.md' --exclude docs/internal --credentials ~/handbook-key\n"
      "  rage auto-index --index news --owner me --url https://example.com/news.md --dry-run");
  command->callback([flags, &exit_code] { exit_code = run_auto_index(std::move(*flags)); });
}

}  // namespace rage::app
