#include "cluster/detail/pod_usage.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <system_error>

#include "base/files.h"
#include "base/strings.h"

namespace rage::cluster::detail {
namespace {

namespace fs = std::filesystem;
using codec::Json;

constexpr std::uint64_t kFileBytesMax = std::uint64_t{4} << 20;
constexpr std::string_view kPodVariable = "RAGE_POD_UID=";

struct Usage {
  double cpu_seconds = 0;
  double memory_bytes = 0;
  int processes = 0;
};

// Empty: no pod's.
std::string pod_of(const fs::path& process) {
  const auto environment = read_file(process / "environ", kFileBytesMax);
  if (!environment) return {};
  for (const std::string_view variable : split(*environment, '\0')) {
    if (variable.starts_with(kPodVariable))
      return std::string(variable.substr(kPodVariable.size()));
  }
  return {};
}

// proc(5): the fields of stat after the name, which may hold anything.
void add(const fs::path& process, Usage& usage) {
  const auto stat = read_file(process / "stat", kFileBytesMax);
  if (!stat) return;
  const auto fields = split(std::string_view(*stat).substr(stat->rfind(')') + 1), ' ');
  constexpr std::size_t kUserTime = 12;
  constexpr std::size_t kResident = 22;
  if (fields.size() <= kResident) return;
  const auto number = [&](std::size_t at) {
    return static_cast<double>(parse_uint(fields[at]).value_or(0));
  };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  usage.cpu_seconds += (number(kUserTime) + number(kUserTime + 1)) / ticks;
  usage.memory_bytes += number(kResident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  ++usage.processes;
}

// "MemAvailable:  123 kB"
double meminfo(std::string_view text, std::string_view name) {
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with(name)) continue;
    std::string_view rest = trim(line.substr(name.size() + 1));
    rest = rest.substr(0, rest.find(' '));
    return static_cast<double>(parse_uint(rest).value_or(0)) * 1024;
  }
  return 0;
}

}  // namespace

Json pod_usage() {
  std::map<std::string, Usage> pods;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    if (!parse_uint(entry.path().filename().string())) continue;
    if (const std::string pod = pod_of(entry.path()); !pod.empty()) add(entry.path(), pods[pod]);
  }
  Json json = Json::object();
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  json["atMs"] = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  json["cpus"] = ::sysconf(_SC_NPROCESSORS_ONLN);
  const std::string memory = read_file("/proc/meminfo", kFileBytesMax).value_or("");
  json["memoryBytes"] = meminfo(memory, "MemTotal");
  json["memoryFreeBytes"] = meminfo(memory, "MemAvailable");
  json["pods"] = Json::object();
  for (const auto& [pod, usage] : pods) {
    json["pods"][pod] = {{"cpuSeconds", usage.cpu_seconds},
                         {"memoryBytes", usage.memory_bytes},
                         {"processes", usage.processes}};
  }
  return json;
}

}  // namespace rage::cluster::detail
