#include "models/cache.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <system_error>
#include <tuple>

#include "base/sha256.h"
#include "base/strings.h"
#include "codec/uri.h"

namespace rage::models {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFileListBytesMax = std::uint64_t{16} << 20;
constexpr std::string_view kPartialSuffix = ".partial";

std::string environment_or_empty(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    entries.push_back(at->path());
  }
  std::ranges::sort(entries);
  return entries;
}

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code unreadable;
    if (!at->is_regular_file(unreadable)) continue;
    const std::uintmax_t size = at->file_size(unreadable);
    if (!unreadable) bytes += size;
  }
  return bytes;
}

// A folder with exactly one *.gguf is that model; any other is a model of several files.
fs::path model_path_in(const fs::path& folder) {
  fs::path gguf;
  for (const fs::path& entry : entries_of(folder)) {
    if (entry.extension() != ".gguf") continue;
    if (!gguf.empty()) return folder;
    gguf = entry;
  }
  return gguf.empty() ? folder : gguf;
}

std::string names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(folder)) names.push_back(entry.filename().string());
  return names.empty() ? "none" : join(names, ", ");
}

Result<ModelFiles> find_file(const ModelReference& reference) {
  std::error_code error;
  const fs::path path = fs::absolute(reference.path, error).lexically_normal();
  if (error || !is_there(path)) return fail(ErrorCode::kNotFound, "no file {}", reference.path);
  const fs::path named = path.has_filename() ? path : path.parent_path();
  return ModelFiles{
      .id = named.extension() == ".gguf" ? named.stem().string() : named.filename().string(),
      .path = fs::is_directory(path, error) ? model_path_in(path) : path};
}

// "org--repo" -> {"org", "repo"}. Names hold no "--", so there is one way to read it.
std::optional<ModelReference> repository_of_folder(const std::string& folder) {
  const std::size_t dashes = folder.find("--");
  if (dashes == std::string::npos) return std::nullopt;
  auto reference = parse_model_reference(
      fmt::format("hf://{}/{}", folder.substr(0, dashes), folder.substr(dashes + 2)));
  if (!reference || !reference->file.empty()) return std::nullopt;
  return *std::move(reference);
}

}  // namespace

fs::path default_model_cache_root() {
  if (const auto own = environment_or_empty("RAGE_CACHE_DIR"); !own.empty()) {
    return fs::path(own) / "models";
  }
  if (const auto xdg = environment_or_empty("XDG_CACHE_HOME"); !xdg.empty()) {
    return fs::path(xdg) / "rage" / "models";
  }
  return fs::path(environment_or_empty("HOME")) / ".cache" / "rage" / "models";
}

fs::path default_packaged_folder(const fs::path& root) {
  const auto own = environment_or_empty("RAGE_PACKAGED_DIR");
  return own.empty() ? root / "packaged" : fs::path(own);
}

fs::path ModelCache::repository_folder(const ModelReference& reference) const {
  return root_ / "hub" / fmt::format("{}--{}", reference.organization, reference.repository);
}

fs::path ModelCache::snapshot_folder(const ModelReference& reference,
                                     std::string_view commit) const {
  return repository_folder(reference) / commit;
}

fs::path ModelCache::partial_file(const ModelReference& reference, std::string_view commit,
                                  std::string_view file) const {
  return repository_folder(reference) / fmt::format("{}{}", commit, kPartialSuffix) /
         sha256_hex(file);
}

Result<std::unique_ptr<FileLock>> ModelCache::lock(const Context& context, Clock& clock,
                                                   const ModelReference& reference) const {
  constexpr std::chrono::milliseconds kPollEvery(50);
  const fs::path folder = repository_folder(reference);
  RETURN_IF_ERROR(ensure_directory(folder));
  while (true) {
    auto lock = FileLock::try_acquire(folder / "lock");
    if (lock || lock.error().code != ErrorCode::kFailedPrecondition) return lock;
    // A blocking wait could not be cancelled.
    RETURN_IF_ERROR(context.check());
    (void)clock.sleep_for(context.remaining(kPollEvery), context.stop);
  }
}

Result<void> ModelCache::remember_commit(const ModelReference& reference,
                                         std::string_view commit) const {
  const fs::path refs = repository_folder(reference) / "refs";
  RETURN_IF_ERROR(ensure_directory(refs));
  return write_file_atomically(refs / codec::percent_encode(reference.revision),
                               fmt::format("{}\n", commit));
}

std::optional<std::string> ModelCache::find_commit(const ModelReference& reference) const {
  if (is_commit(reference.revision)) return reference.revision;
  const auto text = read_file(
      repository_folder(reference) / "refs" / codec::percent_encode(reference.revision), 64);
  if (!text || !is_commit(trim(*text))) return std::nullopt;
  return std::string(trim(*text));
}

Result<void> ModelCache::finish(const ModelReference& reference, std::string_view commit,
                                const std::vector<std::string>& files) const {
  const fs::path repository = repository_folder(reference);
  std::error_code ignored;  // Not empty: another file of the repository is still on its way.
  fs::remove(repository / fmt::format("{}{}", commit, kPartialSuffix), ignored);
  if (reference.file.empty()) {
    RETURN_IF_ERROR(write_file_atomically(repository / fmt::format("{}.files", commit),
                                          join(files, "\n") + "\n"));
  }
  return remember_commit(reference, commit);
}

Result<ModelFiles> ModelCache::find(const ModelReference& reference) const {
  switch (reference.source) {
    case ModelSource::kPackaged:
      return find_packaged(reference);
    case ModelSource::kFile:
      return find_file(reference);
    case ModelSource::kHub:
      return find_hub(reference);
  }
  return fail(ErrorCode::kInternal, "unknown model source");
}

Result<ModelFiles> ModelCache::find_packaged(const ModelReference& reference) const {
  const fs::path folder = packaged_ / reference.name;
  if (!is_there(folder)) {
    return fail(ErrorCode::kNotFound,
                "no packaged model '{}' (there: {}); `make deps` installs them", reference.name,
                names_in(packaged_));
  }
  return ModelFiles{.id = reference.name, .path = model_path_in(folder)};
}

Result<ModelFiles> ModelCache::find_hub(const ModelReference& reference) const {
  const auto missing = [&] {
    return fail(ErrorCode::kNotFound, "{} is not in the cache; `rage model pull {}` fetches it",
                render_model_reference(reference), render_model_reference(reference));
  };
  const auto commit = find_commit(reference);
  if (!commit) return missing();
  const fs::path snapshot = snapshot_folder(reference, *commit);
  const std::string id = hub_repository_id(reference);
  if (!reference.file.empty()) {
    if (!is_there(snapshot / reference.file)) return missing();
    return ModelFiles{.id = id, .path = snapshot / reference.file};
  }
  const auto files =
      read_file(repository_folder(reference) / fmt::format("{}.files", *commit), kFileListBytesMax);
  if (!files) return missing();
  std::vector<std::string_view> names = split(trim(*files), '\n');
  for (const std::string_view name : names) {
    if (!is_safe_relative_path(name) || !is_there(snapshot / name)) return missing();
  }
  const bool is_one_file = names.size() == 1 && names[0].ends_with(".gguf");
  return ModelFiles{.id = id, .path = is_one_file ? snapshot / names[0] : snapshot};
}

Result<std::vector<CachedModel>> ModelCache::list() const {
  std::vector<CachedModel> models;
  list_packaged(models);
  list_hub(models);
  std::ranges::sort(models, {},
                    [](const CachedModel& model) { return std::tie(model.name, model.reference); });
  return models;
}

void ModelCache::list_packaged(std::vector<CachedModel>& models) const {
  for (const fs::path& folder : entries_of(packaged_)) {
    auto reference = parse_model_reference(fmt::format("packaged:{}", folder.filename().string()));
    if (!reference) continue;
    models.push_back({.name = reference->name,
                      .reference = render_model_reference(*reference),
                      .path = model_path_in(folder),
                      .bytes = bytes_below(folder)});
  }
}

void ModelCache::list_hub(std::vector<CachedModel>& models) const {
  for (const fs::path& folder : entries_of(root_ / "hub")) {
    auto reference = repository_of_folder(folder.filename().string());
    if (!reference) continue;
    const auto main = find_commit(*reference);
    std::set<std::string> commits;
    for (const fs::path& entry : entries_of(folder)) {
      std::string name = entry.filename().string();
      if (name.ends_with(kPartialSuffix)) name.resize(name.size() - kPartialSuffix.size());
      if (is_commit(name)) commits.insert(name);
    }
    for (const std::string& commit : commits) {
      ModelReference pinned = *reference;
      if (commit != main) pinned.revision = commit;
      const fs::path snapshot = folder / commit;
      const fs::path partial = folder / fmt::format("{}{}", commit, kPartialSuffix);
      const auto whole = find_hub(pinned);
      models.push_back({.name = hub_repository_id(pinned),
                        .reference = render_model_reference(pinned),
                        .path = whole ? whole->path : snapshot,
                        .bytes = bytes_below(snapshot) + bytes_below(partial),
                        .is_complete = !is_there(partial)});
    }
  }
}

}  // namespace rage::models
