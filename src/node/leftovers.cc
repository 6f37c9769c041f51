#include "node/leftovers.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <system_error>

#include "base/files.h"
#include "base/strings.h"

namespace rage::node {
namespace {

constexpr std::uint64_t kProcessEnvironmentBytesMax = std::uint64_t{4} << 20;
constexpr int kLooks = 20;
constexpr auto kPause = std::chrono::milliseconds(50);

}  // namespace

std::vector<pid_t> find_leftovers(const std::filesystem::path& data) {
  const std::string wanted = "RAGE_NODE_DATA=" + data.string();
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto pid = parse_uint(entry.path().filename().string());
    if (!pid || static_cast<pid_t>(*pid) == ::getpid()) continue;
    const auto environment = read_file(entry.path() / "environ", kProcessEnvironmentBytesMax);
    if (!environment) continue;
    for (const std::string_view variable : split(*environment, '\0')) {
      if (variable == wanted) found.push_back(static_cast<pid_t>(*pid));
    }
  }
  return found;
}

std::size_t end_leftovers(Clock& clock, const std::filesystem::path& data) {
  std::size_t ended = 0;
  for (int look = 0; look < kLooks; ++look) {
    const auto left = find_leftovers(data);
    if (left.empty()) break;
    if (look == 0) ended = left.size();
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    clock.sleep_for(kPause, {});
  }
  return ended;
}

}  // namespace rage::node
