#include "node/cgroups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <set>
#include <system_error>

#include "apis/quantity.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "codec/documents.h"

namespace rage::node {
namespace {

namespace fs = std::filesystem;
using Version = CgroupPlace::Version;

constexpr std::uint64_t kKernelFileBytesMax = 1 << 20;
constexpr int kLooksMax = 5;
constexpr double kCpuPeriodUs = 100'000;
constexpr double kCpuQuotaUsMin = 1'000;  // The kernel takes no less.
constexpr double kMemoryBytesMax = 1e18;

// A control file takes one write and says there and then what it thinks of it.
Result<void> write_control(const fs::path& file, std::string_view text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (written) return {};
  return fail(ErrorCode::kUnavailable, "{}: {}", file.string(), std::strerror(error));
}

Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (!error) return {};
  return fail(ErrorCode::kUnavailable, "{}: {}", folder.string(), error.message());
}

// Folders of cgroups only: the kernel removes the files in them.
void remove_folders(const CgroupPlace& place) {
  ::rmdir(place.memory.c_str());
  if (!place.cpu.empty()) ::rmdir(place.cpu.c_str());
}

void remove_children(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) ::rmdir(entry.path().c_str());
  }
}

bool has_word(std::string_view list, char separator, std::string_view word) {
  const auto words = split(list, separator);
  return std::ranges::find(words, word) != words.end();
}

// "4:memory:/a/b", "0::/a/b" -> "/a/b"; none if there is no such line.
std::optional<std::string> own_path(std::string_view own, std::string_view controller) {
  for (const std::string_view line : split(own, '\n')) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const bool wanted =
        controller.empty() ? controllers.empty() : has_word(controllers, ',', controller);
    if (wanted) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// "31 23 0:28 ROOT MOUNT-POINT options - TYPE source SUPER-OPTIONS"
std::optional<fs::path> folder_of(std::string_view own, std::string_view mounts,
                                  std::string_view controller) {
  const auto path = own_path(own, controller);
  if (!path) return std::nullopt;
  for (const std::string_view line : split(mounts, '\n')) {
    const auto dash = line.find(" - ");
    const auto words = split(line.substr(0, dash), ' ');
    if (dash == std::string_view::npos || words.size() < 5) continue;
    const auto more = split(line.substr(dash + 3), ' ');
    const bool matches = controller.empty()
                             ? more[0] == "cgroup2"
                             : more[0] == "cgroup" && has_word(more.back(), ',', controller);
    if (!matches) continue;
    // Seen from inside a container, the mount begins at the container's own.
    std::string_view below = *path;
    if (words[3] != "/" && below.starts_with(words[3])) below.remove_prefix(words[3].size());
    return (fs::path(words[4]) / fs::path(below).relative_path()).lexically_normal();
  }
  return std::nullopt;
}

// proc(5): the fields of stat after the name, which may hold anything, are state, parent and group.
std::vector<std::uint64_t> members_of_group(std::uint64_t group) {
  std::vector<std::uint64_t> members;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = parse_uint(entry.path().filename().string());
    const auto stat = pid ? read_file(entry.path() / "stat", kKernelFileBytesMax).value_or("") : "";
    const auto fields = split(std::string_view(stat).substr(stat.rfind(')') + 1), ' ');
    if (fields.size() > 3 && parse_uint(fields[3]) == group) members.push_back(*pid);
  }
  return members;
}

CgroupPlace below(const CgroupPlace& place, const std::string& name) {
  CgroupPlace child{.version = place.version, .memory = place.memory / name};
  if (!place.cpu.empty()) child.cpu = place.cpu / name;
  return child;
}

}  // namespace

ContainerLimits limits_of(const codec::Json& container) {
  const auto amount = [&](std::string_view resource) -> std::optional<double> {
    const codec::Json* value = codec::find_path(container, {"resources", "limits", resource});
    if (value == nullptr) return std::nullopt;
    if (value->is_number()) return value->get<double>();
    return value->is_string() ? apis::parse_quantity(value->get_ref<const std::string&>())
                              : std::nullopt;
  };
  ContainerLimits limits;
  if (const auto bytes = amount("memory"); bytes && *bytes > 0 && *bytes < kMemoryBytesMax) {
    limits.memory_bytes = static_cast<std::uint64_t>(*bytes);
  }
  if (const auto cpus = amount("cpu"); cpus && *cpus > 0 && *cpus < 100'000) limits.cpus = *cpus;
  return limits;
}

std::optional<CgroupPlace> find_cgroup_place(std::string_view own, std::string_view mounts) {
  if (const auto memory = folder_of(own, mounts, "memory")) {
    return CgroupPlace{.version = Version::kOne,
                       .memory = *memory,
                       .cpu = folder_of(own, mounts, "cpu").value_or(fs::path())};
  }
  auto unified = folder_of(own, mounts, "");
  if (!unified) return std::nullopt;
  // Version two has no processes where limits are given to children: ours stand beside us.
  const auto path = own_path(own, "");
  if (path && *path != "/") unified = unified->parent_path();
  return CgroupPlace{.version = Version::kTwo, .memory = *unified, .cpu = *unified};
}

Cgroup::~Cgroup() {
  remove_folders(place_);
}

// What the process started before it was here, it started in its own group: these follow, until
// there are no new ones.
Result<void> Cgroup::add(pid_t pid) {
  std::set<std::uint64_t> added;
  for (int look = 0; look < kLooksMax; ++look) {
    const std::size_t before = added.size();
    for (const std::uint64_t member : members_of_group(static_cast<std::uint64_t>(pid))) {
      if (!added.insert(member).second) continue;
      const std::string text = std::to_string(member);
      const Result<void> moved = write_control(place_.memory / "cgroup.procs", text);
      // Others may have ended meanwhile.
      if (!moved && member == static_cast<std::uint64_t>(pid)) return moved;
      if (place_.cpu.empty() || place_.cpu == place_.memory) continue;
      (void)write_control(place_.cpu / "cgroup.procs", text);
    }
    if (added.size() == before) break;
  }
  return {};
}

bool Cgroup::killed_for_memory() const {
  const bool one = place_.version == Version::kOne;
  const auto text = read_file(place_.memory / (one ? "memory.oom_control" : "memory.events"),
                              kKernelFileBytesMax);
  if (!text) return false;
  for (const std::string_view line : split(*text, '\n')) {
    if (line.starts_with("oom_kill ")) return parse_uint(line.substr(9)).value_or(0) > 0;
  }
  return false;
}

Result<std::unique_ptr<Cgroups>> Cgroups::create(const fs::path& data) {
  const auto own = read_file("/proc/self/cgroup", kKernelFileBytesMax);
  const auto mounts = read_file("/proc/self/mountinfo", kKernelFileBytesMax);
  const auto place = find_cgroup_place(own.value_or(""), mounts.value_or(""));
  if (!place) return fail(ErrorCode::kUnavailable, "no cgroup memory controller is mounted");
  const CgroupPlace ours = below(*place, "rage-" + sha256_hex(data.string()).substr(0, 12));
  RETURN_IF_ERROR(make_folder(ours.memory));
  std::unique_ptr<Cgroups> made(new Cgroups(ours));
  if (ours.version == Version::kTwo) {
    // Whoever set this system up may have done it; if nobody did, the second one fails.
    (void)write_control(place->memory / "cgroup.subtree_control", "+memory +cpu");
    RETURN_IF_ERROR(write_control(ours.memory / "cgroup.subtree_control", "+memory +cpu"));
  } else if (!ours.cpu.empty()) {
    RETURN_IF_ERROR(make_folder(ours.cpu));
  }
  remove_children(ours.memory);
  if (!ours.cpu.empty()) remove_children(ours.cpu);
  return made;
}

Cgroups::~Cgroups() {
  remove_folders(place_);
}

Result<std::unique_ptr<Cgroup>> Cgroups::make(const std::string& name,
                                              const ContainerLimits& limits) {
  const CgroupPlace own = below(place_, name);
  const bool one = own.version == Version::kOne;
  RETURN_IF_ERROR(make_folder(own.memory));
  auto made = std::make_unique<Cgroup>(own);
  if (limits.memory_bytes) {
    const fs::path file = own.memory / (one ? "memory.limit_in_bytes" : "memory.max");
    RETURN_IF_ERROR(write_control(file, std::to_string(*limits.memory_bytes)));
    // Memory is no limit if the rest goes to the disk; without swap the file is not there.
    if (!one) (void)write_control(own.memory / "memory.swap.max", "0");
  }
  if (own.cpu.empty()) return made;
  if (one) RETURN_IF_ERROR(make_folder(own.cpu));
  if (limits.cpus) {
    const double quota = std::max(kCpuQuotaUsMin, std::round(*limits.cpus * kCpuPeriodUs));
    const std::string text =
        one ? fmt::format("{:.0f}", quota) : fmt::format("{:.0f} {:.0f}", quota, kCpuPeriodUs);
    RETURN_IF_ERROR(write_control(own.cpu / (one ? "cpu.cfs_quota_us" : "cpu.max"), text));
  }
  return made;
}

}  // namespace rage::node
