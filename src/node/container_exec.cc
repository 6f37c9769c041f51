#include "node/container_exec.h"

#include <unistd.h>

#include <filesystem>
#include <optional>
#include <system_error>

#include "base/files.h"
#include "base/strings.h"
#include "node/pod_environment.h"

namespace rage::node {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kEnvironmentBytesMax = std::uint64_t{4} << 20;

Environment parse_environment(std::string_view text) {
  Environment environment;
  for (const std::string_view variable : split(text, '\0')) {
    const auto equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace_back(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return environment;
}

struct Found {
  fs::path process;  // In /proc.
  Environment environment;
};

// The container's own process, or one that it started: they have the same environment.
std::optional<Found> find_process(const ContainerId& id) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    if (!parse_uint(entry.path().filename().string())) continue;
    const auto text = read_file(entry.path() / "environ", kEnvironmentBytesMax);
    if (!text) continue;
    Environment environment = parse_environment(*text);
    if (value_of(environment, "RAGE_POD_UID") == id.pod_uid &&
        value_of(environment, "RAGE_CONTAINER") == id.container) {
      return Found{entry.path(), std::move(environment)};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> exec_in_container(const ContainerId& id,
                                                        const std::vector<std::string>& command,
                                                        const ExecEnds& ends) {
  const auto found = find_process(id);
  if (!found) return fail(ErrorCode::kNotFound, "container {} does not run", id.container);
  ProcessOptions options{.environment = found->environment,
                         .inherit = ProcessOptions::Inherit::kNothing,
                         .stdin_fd = ends.in,
                         .stdout_fd = ends.out,
                         .stderr_fd = ends.err};
  const auto mounts = parse_mounts(value_of(found->environment, "RAGE_MOUNTS"));
  for (const std::string& word : command) options.argv.push_back(rewrite_paths(word, mounts));
  std::error_code error;
  options.working_directory = fs::read_symlink(found->process / "cwd", error);
  return ChildProcess::spawn(options);
}

}  // namespace rage::node
