// What a source holds now: a git repository, a list of URLs, a web site, or a folder of this
// machine.
//
// Sources are written by others. A repository is never checked out, so its links, hooks, filters
// and submodules do nothing; a URL reaches nothing local to this host or its network, whatever name
// or redirect leads there.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "cli/auto_index_diff.h"
#include "net/http_client.h"

namespace rage::cli {

struct SourceLimits {
  std::size_t documents_max = 50'000;
  std::uint64_t file_bytes_max = std::uint64_t{16} << 20;
  std::uint64_t total_bytes_max = std::uint64_t{256} << 20;           // Of all texts.
  std::uint64_t repository_bytes_max = std::uint64_t{1} << 30;        // As git packs it.
  std::chrono::milliseconds fetch_timeout{std::chrono::minutes{15}};  // A repository, or one URL.
};

// Files of a Secret, each of which may be absent. Never in arguments, logs or reports.
struct Credentials {
  std::string username;
  std::string password;
  std::string token;
  std::filesystem::path ssh_key;      // "ssh-privatekey"
  std::filesystem::path known_hosts;  // Must be there for ssh.
};
// An empty folder name: none.
Result<Credentials> load_credentials(const std::filesystem::path& folder);
// "Bearer ..." or "Basic ..."; empty without any.
std::string authorization_of(const Credentials& credentials);

// How the program that git takes for ssh learns what to add: "-i KEY -o UserKnownHostsFile=...".
inline constexpr const char* kSshKeyVariable = "RAGE_GIT_SSH_KEY";
inline constexpr const char* kKnownHostsVariable = "RAGE_GIT_SSH_KNOWN_HOSTS";

struct SourceOptions {
  std::string owner;  // Put into the metadata of every document.
  Credentials credentials;
  // Addresses of this host are fine as well, and so are file:// and http:// for git.
  bool allow_local = false;
  // Called by git as ssh is, with the two variables above in its environment.
  std::string ssh_program = "ssh";
  SourceLimits limits;
  // A line for whoever waits, now and then; may be empty.
  std::function<void(const std::string&)> progress = {};
};

struct SourceListing {
  std::vector<SourceDocument> documents;  // In order of place.
  // Not read now: unchanged by the server's own word, or failed; what is indexed of them stays.
  std::set<std::string, std::less<>> kept_places;
  std::string revision;               // The commit, or a digest of what the URLs answered.
  std::vector<std::string> failures;  // "place: why", of what was asked for by name.
  std::vector<std::string> skipped;   // The same, of what merely lies beside.
  std::string notice;                 // What is not read because of a limit; empty: nothing.
};

struct GitRequest {
  std::string url;
  std::string ref = "HEAD";
  std::vector<std::string> include;  // Globs; empty: what can be read, without hidden files.
  std::vector<std::string> exclude;  // They win.
};
// Runs `git` in a folder of its own. kInvalidArgument and kPermissionDenied: waiting will not help.
Result<SourceListing> read_git_source(const Context& context, const GitRequest& request,
                                      const SourceOptions& options);

struct FolderRequest {
  std::filesystem::path folder;
  std::vector<std::string> include;  // As of a repository.
  std::vector<std::string> exclude;
};
// Places are paths below the folder. Links are not followed. kInvalidArgument if it is none; a
// folder that cannot be listed to its end is an error, a file that cannot be read a failure of its
// own.
Result<SourceListing> read_folder_source(const Context& context, const FolderRequest& request,
                                         const SourceOptions& options);

// Asks with If-None-Match for what `index` says of the owner. One URL's failure is not the others'.
Result<SourceListing> read_http_source(const Context& context, net::HttpTransport& transport,
                                       const std::vector<std::string>& urls,
                                       std::span<const IndexedDocument> index,
                                       const SourceOptions& options);

struct SiteRequest {
  std::string url;     // Where reading begins. Its scheme, host and port are the site.
  std::string prefix;  // Paths below it are read; empty: the address itself and what is below it.
  // Globs of paths. Pages that `include` leaves out are read for their links; those of `exclude`
  // are not asked for.
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  int depth_max = 10;  // Links from the first page.
  std::size_t pages_max = 500;
  std::chrono::milliseconds pause{500};  // Between the beginnings of two requests.
  int parallel = 2;                      // Requests that wait for their reply.
};
// Follows links and sitemaps of one site as robots.txt (RFC 9309), <meta name=robots>,
// X-Robots-Tag, rel=nofollow and rel=canonical allow, and asks no other host for anything. Places
// are addresses in one spelling (cli/site_url.h).
//
// Every page that `index` has of the owner is asked for, linked or not, with If-None-Match where
// that tells enough. 404 and 410 are gone; what fails otherwise stays. An address of this host
// (localhost, any IP address) may be read, since `url` says so; a name that leads there may not,
// unless options.allow_local.
//
// kInvalidArgument and kPermissionDenied: the first page is none, leads to another site, or
// robots.txt forbids it. kUnavailable: robots.txt or the first page cannot be read now, or ten
// pages in a row. The time is three quarters of what `context` has left; what is not read then
// stays.
Result<SourceListing> read_site_source(const Context& context, Clock& clock,
                                       net::HttpTransport& transport, const SiteRequest& request,
                                       std::span<const IndexedDocument> index,
                                       const SourceOptions& options);

// Whether a repository's or a folder's file is read: documents are, and source code where `include`
// asks for paths, since most repositories are nothing else.
bool is_source_file(std::string_view path, const std::vector<std::string>& include);

// Of a source's file: documents with owner and place, or the reason why there are none.
Result<std::vector<SourceDocument>> documents_of_file(const Context& context, std::string_view name,
                                                      std::string_view content,
                                                      const char* place_key,
                                                      const std::string& place,
                                                      std::string_view owner);

}  // namespace rage::cli
