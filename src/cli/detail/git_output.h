// Reading what git prints. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::cli::detail {

struct TreeEntry {
  std::string path;
  std::string object;  // The blob's name.
  std::uint64_t bytes = 0;
};

// `git ls-tree -r -z --long`: ordinary files only; links and submodules are left out.
Result<std::vector<TreeEntry>> parse_tree(std::string_view output);

// `git cat-file --batch` for `objects`, in order; views into `output`.
Result<std::vector<std::string_view>> parse_blobs(std::string_view output,
                                                  const std::vector<std::string>& objects);

struct RemoteUrl {
  std::string scheme;  // "ssh" for user@host:path
  std::string host;    // With the brackets of an IPv6 address.
  std::string port;    // Empty: the scheme's.
};
enum class LocalSources { kRefused, kAllowed };
// kInvalidArgument for anything but https://, ssh:// and user@host:path; http:// and file:// only
// with local sources. Refuses what git or ssh would take for an option.
Result<RemoteUrl> parse_remote_url(std::string_view url, LocalSources local);
// A branch, a tag or a commit; nothing that means more to git than a name.
bool is_plain_ref(std::string_view ref);

}  // namespace rage::cli::detail
