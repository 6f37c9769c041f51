#include "rag/persisted.h"

#include <algorithm>
#include <system_error>

#include "base/sha256.h"

namespace rage::rag {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kClientsDefault = "storage";  // Baked into KAITO's Python client.
constexpr std::size_t kNameBytesMax = 200;
constexpr std::size_t kPathBytesMax = 3000;

// Names that are no plain folder name, or another's, are hashed.
std::string folder_of(std::string_view name) {
  const bool plain = !name.empty() && name.size() <= kNameBytesMax && !name.starts_with('.') &&
                     name.find('/') == std::string_view::npos &&
                     name.find('\0') == std::string_view::npos && name != "indexes" &&
                     name != "systemsnapshots";
  return plain ? std::string(name) : "sha256-" + sha256_hex(name);
}

// Whether `path` is `folder` or below it; both canonical.
bool is_within(const fs::path& path, const fs::path& folder) {
  const auto [at, rest] = std::ranges::mismatch(folder, path);
  return at == folder.end();
}

// Links followed as far as the path exists; no slash at the end.
fs::path resolve(const fs::path& path, std::error_code& error) {
  const fs::path resolved = fs::weakly_canonical(path, error);
  return resolved.has_filename() ? resolved : resolved.parent_path();
}

std::unexpected<Error> refuse(std::string_view given, std::string_view why,
                              const fs::path& data_directory) {
  return fail(ErrorCode::kInvalidArgument,
              "the path '{}' {}. Give one below the data directory '{}', or none", given, why,
              data_directory.string());
}

}  // namespace

Result<PersistPlace> plan_persist_place(const fs::path& data_directory, std::string_view given,
                                        std::string_view index_name) {
  std::error_code error;
  const fs::path data = resolve(data_directory, error);
  if (error) return refuse(given, "cannot be resolved", data_directory);
  const auto by_name = [&]() -> PersistPlace {
    const std::string folder = folder_of(index_name);
    return {.folder = data / folder, .shown = (data_directory / folder).string()};
  };
  const bool is_default =
      given.empty() || given == kClientsDefault || given == data_directory.string();
  if (given.size() > kPathBytesMax) return refuse("...", "is too long", data_directory);
  if (given.find('\0') != std::string_view::npos) {
    return refuse("...", "has a zero byte", data_directory);
  }
  PersistPlace place = is_default ? by_name() : PersistPlace{};
  if (!is_default) {
    const fs::path asked(given);
    fs::path resolved = resolve(asked, error);
    if (error) return refuse(given, "cannot be resolved", data_directory);
    if (asked.is_relative() && !is_within(resolved, data)) {
      resolved = resolve(data / asked, error);
      if (error) return refuse(given, "cannot be resolved", data_directory);
    }
    place = resolved == data ? by_name()
                             : PersistPlace{.folder = resolved, .shown = std::string(given)};
  }
  const fs::path folder = resolve(place.folder, error);
  if (error) return refuse(given, "cannot be resolved", data_directory);
  if (!is_within(folder, data)) return refuse(given, "leads outside", data_directory);
  if (is_within(folder, data / "indexes")) {
    return refuse(given, "is where the service keeps its live indexes", data_directory);
  }
  for (fs::path above = folder; above != data; above = above.parent_path()) {
    if (fs::exists(above, error) && !fs::is_directory(above, error)) {
      return refuse(given, "leads through a file", data_directory);
    }
  }
  return place;
}

}  // namespace rage::rag
