#include "gateway/detail/file_fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <vector>

namespace rage::gateway::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesMax = 10'000;

std::string line_of(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  const auto time = fs::last_write_time(path, error);
  return fmt::format("{} {} {}\n", path.string(), size, time.time_since_epoch().count());
}

}  // namespace

std::string fingerprint_of(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return line_of(path);
  std::vector<std::string> lines;
  fs::recursive_directory_iterator entry(path, fs::directory_options::follow_directory_symlink,
                                         error);
  for (; !error && entry != fs::recursive_directory_iterator() && lines.size() < kFilesMax;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) lines.push_back(line_of(entry->path()));
  }
  std::ranges::sort(lines);
  std::string all;
  for (const std::string& line : lines) all += line;
  return all;
}

}  // namespace rage::gateway::detail
