// A git repository as a source: fetched without history into a bare repository, read object by
// object, never checked out.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <utility>

#include "base/files.h"
#include "base/process.h"
#include "base/strings.h"
#include "cli/auto_index_source.h"
#include "cli/detail/git_output.h"
#include "cli/document_files.h"
#include "cli/globs.h"
#include "net/addresses.h"
#include "text/unicode.h"

namespace rage::cli {
namespace {

namespace fs = std::filesystem;
using detail::LocalSources;
using detail::RemoteUrl;
using detail::TreeEntry;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kPoll{100};
constexpr milliseconds kGrace{2000};
constexpr std::uint64_t kListingBytesMax = std::uint64_t{64} << 20;
constexpr std::uint64_t kErrorBytesMax = 64 << 10;
constexpr std::size_t kShownBytesMax = 300;

struct FileCloser {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

using Settings = std::vector<std::pair<std::string, std::string>>;

// As environment, not as arguments, which everybody on the machine can read.
void add_settings(const Settings& settings, Settings& environment) {
  environment.emplace_back("GIT_CONFIG_COUNT", std::to_string(settings.size()));
  for (std::size_t i = 0; i < settings.size(); ++i) {
    environment.emplace_back(fmt::format("GIT_CONFIG_KEY_{}", i), settings[i].first);
    environment.emplace_back(fmt::format("GIT_CONFIG_VALUE_{}", i), settings[i].second);
  }
}

// The address that was looked at is the one git will use.
Result<void> pin_address(const RemoteUrl& remote, const SourceOptions& options,
                         Settings& settings) {
  if (options.allow_local || remote.scheme == "file") return {};
  auto addresses = net::resolve_not_local(remote.host);
  // An unknown name is git's to report; behind a proxy it may even be right.
  if (!addresses && addresses.error().code == ErrorCode::kUnavailable) return {};
  if (!addresses) return fail(std::move(addresses).error());
  if (remote.scheme == "ssh") return {};
  const std::string port = remote.port.empty() ? "443" : remote.port;
  settings.emplace_back("http.curloptResolve",
                        fmt::format("{}:{}:{}", remote.host, port, join(*addresses, ",")));
  return {};
}

Result<Settings> environment_for(const fs::path& folder, const RemoteUrl& remote,
                                 const SourceOptions& options) {
  Settings settings = {{"core.hooksPath", "/dev/null"},   {"credential.helper", ""},
                       {"http.followRedirects", "false"}, {"http.lowSpeedLimit", "1000"},
                       {"http.lowSpeedTime", "60"},       {"fetch.unpackLimit", "1"},
                       {"submodule.recurse", "false"},    {"gc.auto", "0"},
                       {"maintenance.auto", "false"},     {"core.fsmonitor", "false"}};
  RETURN_IF_ERROR(pin_address(remote, options, settings));
  const Credentials& credentials = options.credentials;
  const std::string authorization = authorization_of(credentials);
  const bool web = remote.scheme == "https" || remote.scheme == "http";
  if (web && !authorization.empty()) {
    const std::string port = remote.port.empty() ? "" : ":" + remote.port;
    settings.emplace_back(
        fmt::format("http.{}://{}{}/.extraHeader", remote.scheme, remote.host, port),
        "Authorization: " + authorization);
  }
  Settings environment = {
      {"GIT_DIR", (folder / "repository").string()},
      {"HOME", folder.string()},
      {"XDG_CONFIG_HOME", folder.string()},
      {"GIT_CONFIG_NOSYSTEM", "1"},
      {"GIT_CONFIG_GLOBAL", "/dev/null"},
      {"GIT_TERMINAL_PROMPT", "0"},
      {"GIT_ASKPASS", "true"},
      {"SSH_ASKPASS", "true"},
      {"GIT_ALLOW_PROTOCOL", options.allow_local ? "https:ssh:http:file" : "https:ssh"},
      {"LC_ALL", "C"}};
  if (remote.scheme == "ssh") {
    if (credentials.ssh_key.empty() || credentials.known_hosts.empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  "ssh needs a Secret with ssh-privatekey and known_hosts (ssh-keyscan {})",
                  remote.host);
    }
    // Not GIT_SSH_COMMAND: that needs a shell.
    environment.emplace_back("GIT_SSH", options.ssh_program);
    environment.emplace_back("GIT_SSH_VARIANT", "ssh");
    environment.emplace_back(kSshKeyVariable, credentials.ssh_key.string());
    environment.emplace_back(kKnownHostsVariable, credentials.known_hosts.string());
  }
  add_settings(settings, environment);
  return environment;
}

// The line that says why; git says much around it.
std::string reason_in(std::string_view errors) {
  std::string_view reason;
  for (const std::string_view line : split(errors, '\n')) {
    const std::string_view text = trim(line);
    const bool better = text.starts_with("fatal:") || text.starts_with("error:");
    if (better || (reason.empty() && !text.empty())) reason = text;
  }
  return text::to_valid_utf8(reason.substr(0, kShownBytesMax));
}

// Resource. One thread. Its folder goes with it.
class Repository final {
 public:
  static Result<std::unique_ptr<Repository>> create(const RemoteUrl& remote,
                                                    const SourceOptions& options) {
    ASSIGN_OR_RETURN(auto folder, TemporaryDirectory::create("rage-git-"));
    ASSIGN_OR_RETURN(auto environment, environment_for(folder->path(), remote, options));
    return std::unique_ptr<Repository>(
        new Repository(std::move(folder), std::move(environment), options.limits));
  }

  // What `git ARGUMENTS` prints; `input` is what it reads.
  Result<std::string> run(const Context& context, std::vector<std::string> arguments,
                          std::uint64_t bytes_max, const std::string& input = {}) {
    const std::string name = arguments.front();
    arguments.insert(arguments.begin(), "git");
    RETURN_IF_ERROR(write_file_atomically(path("input"), input));
    std::error_code ignored;
    fs::remove(path("errors"), ignored);
    const File in(std::fopen(path("input").c_str(), "re"));
    const File out(std::fopen(path("output").c_str(), "we"));
    if (!in || !out) return fail(ErrorCode::kUnavailable, "cannot write to {}", path("").string());
    auto child = ChildProcess::spawn({.argv = std::move(arguments),
                                      .environment = environment_,
                                      .working_directory = folder_->path(),
                                      .stdin_fd = ::fileno(in.get()),
                                      .stdout_fd = ::fileno(out.get()),
                                      .log_file = path("errors"),
                                      .file_bytes_max = limits_.repository_bytes_max});
    if (!child) return fail(std::move(child).error());
    ASSIGN_OR_RETURN(const ExitStatus status, wait(context, **child, name));
    if (status.code != 0) return fail(failure(name, status));
    return read_file(path("output"), bytes_max);
  }

 private:
  Repository(std::unique_ptr<TemporaryDirectory> folder, Settings environment,
             const SourceLimits& limits)
      : folder_(std::move(folder)), environment_(std::move(environment)), limits_(limits) {}

  fs::path path(const char* name) const { return folder_->path() / name; }

  Result<ExitStatus> wait(const Context& context, ChildProcess& child, const std::string& name) {
    const auto deadline = steady_clock::now() + context.remaining(limits_.fetch_timeout);
    while (true) {
      const auto now = steady_clock::now();
      if (const auto status = child.wait(std::min(deadline, now + kPoll))) return *status;
      if (now < deadline && context.check()) continue;
      child.terminate(kGrace);
      RETURN_IF_ERROR(context.check());
      return fail(ErrorCode::kDeadlineExceeded, "git {} took too long", name);
    }
  }

  Error failure(const std::string& name, const ExitStatus& status) const {
    const std::string errors = read_file(path("errors"), kErrorBytesMax).value_or("");
    if (is_full()) {
      return {.code = ErrorCode::kResourceExhausted,
              .message = fmt::format("the repository is larger than {} MiB",
                                     limits_.repository_bytes_max >> 20U)};
    }
    const std::string reason = reason_in(errors);
    return {.code = ErrorCode::kUnavailable,
            .message = fmt::format("git {}: {}", name, reason.empty() ? describe(status) : reason)};
  }

  // git does not tell why its helper died; what it left does.
  bool is_full() const {
    std::error_code error;
    for (const auto& file : fs::directory_iterator(path("repository/objects/pack"), error)) {
      if (file.file_size(error) >= limits_.repository_bytes_max && !error) return true;
    }
    return false;
  }

  const std::unique_ptr<TemporaryDirectory> folder_;
  const Settings environment_;
  const SourceLimits limits_;
};

bool is_hidden(std::string_view path) {
  return path.starts_with('.') || path.find("/.") != std::string_view::npos;
}

// What was asked for by name and cannot be read is a failure; what merely lies beside is not.
void leave_out(const GitRequest& request, const std::string& path, std::string_view why,
               SourceListing& listing) {
  const std::string line = fmt::format("{}: {}", text::to_valid_utf8(path), why);
  (request.include.empty() ? listing.skipped : listing.failures).push_back(line);
}

// Source code is read where somebody asks for it: most repositories are nothing else.
bool is_readable(const GitRequest& request, std::string_view path) {
  return is_document_name(path) || (!request.include.empty() && !code_language_of(path).empty());
}

std::vector<TreeEntry> chosen_files(std::vector<TreeEntry> entries, const GitRequest& request,
                                    const SourceLimits& limits, SourceListing& listing) {
  std::vector<TreeEntry> chosen;
  for (TreeEntry& entry : entries) {
    const bool wanted =
        request.include.empty() ? !is_hidden(entry.path) : matches_any(request.include, entry.path);
    if (!wanted || matches_any(request.exclude, entry.path)) continue;
    if (!text::is_valid_utf8(entry.path)) {
      leave_out(request, entry.path, "its name is not UTF-8", listing);
    } else if (!is_readable(request, entry.path)) {
      leave_out(
          request, entry.path,
          "only text, Markdown, HTML, PDF, Word (.docx), JSON, JSON lines and, where paths ask "
          "for it, source code can be read",
          listing);
    } else if (entry.bytes > limits.file_bytes_max) {
      leave_out(request, entry.path,
                fmt::format("larger than {} MiB", limits.file_bytes_max >> 20U), listing);
    } else {
      chosen.push_back(std::move(entry));
    }
  }
  return chosen;
}

Result<void> read_files(const Context& context, Repository& repository,
                        const std::vector<TreeEntry>& files, const GitRequest& request,
                        const SourceOptions& options, SourceListing& listing) {
  std::map<std::string, std::size_t> number_of;
  std::vector<std::string> objects;
  std::uint64_t total = 0;
  for (const TreeEntry& file : files) {
    if (!number_of.emplace(file.object, objects.size()).second) continue;
    objects.push_back(file.object);
    total += file.bytes;
  }
  const SourceLimits& limits = options.limits;
  if (total > limits.total_bytes_max || files.size() > limits.documents_max) {
    return fail(ErrorCode::kInvalidArgument,
                "{} files of {} MiB are chosen; at most {} files and {} MiB are indexed: choose "
                "fewer with paths and excludePaths",
                files.size(), total >> 20U, limits.documents_max, limits.total_bytes_max >> 20U);
  }
  const std::string input = join(objects, "\n") + (objects.empty() ? "" : "\n");
  ASSIGN_OR_RETURN(const std::string output, repository.run(context, {"cat-file", "--batch"},
                                                            total + objects.size() * 128, input));
  ASSIGN_OR_RETURN(const auto blobs, detail::parse_blobs(output, objects));
  for (const TreeEntry& file : files) {
    RETURN_IF_ERROR(context.check());
    auto documents = documents_of_file(context, file.path, blobs[number_of[file.object]], kPathKey,
                                       file.path, options.owner);
    if (!documents) leave_out(request, file.path, documents.error().message, listing);
    if (!documents) continue;
    std::ranges::move(*documents, std::back_inserter(listing.documents));
  }
  return {};
}

}  // namespace

Result<SourceListing> read_git_source(const Context& context, const GitRequest& request,
                                      const SourceOptions& options) {
  ASSIGN_OR_RETURN(
      const RemoteUrl remote,
      detail::parse_remote_url(
          request.url, options.allow_local ? LocalSources::kAllowed : LocalSources::kRefused));
  if (!detail::is_plain_ref(request.ref)) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no branch, tag or commit", request.ref);
  }
  ASSIGN_OR_RETURN(const auto repository, Repository::create(remote, options));
  const auto run = [&](std::vector<std::string> arguments) {
    return repository->run(context, std::move(arguments), kListingBytesMax);
  };
  RETURN_IF_ERROR(run({"init", "--quiet", "--bare", "--template="}));
  RETURN_IF_ERROR(run({"fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules",
                       "--", request.url, request.ref}));
  ASSIGN_OR_RETURN(const std::string commit,
                   run({"rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}"}));
  SourceListing listing;
  listing.revision = trim(commit);
  ASSIGN_OR_RETURN(const std::string tree,
                   run({"ls-tree", "-r", "-z", "--long", "--full-tree", listing.revision}));
  ASSIGN_OR_RETURN(auto entries, detail::parse_tree(tree));
  const std::vector<TreeEntry> files =
      chosen_files(std::move(entries), request, options.limits, listing);
  RETURN_IF_ERROR(read_files(context, *repository, files, request, options, listing));
  return listing;
}

}  // namespace rage::cli
