// A folder of this machine as a source.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "cli/auto_index_source.h"
#include "cli/document_files.h"
#include "cli/globs.h"
#include "text/unicode.h"

namespace rage::cli {
namespace {

namespace fs = std::filesystem;

// Everything of one reading. One thread.
class FolderReading final {
 public:
  FolderReading(const Context& context, const FolderRequest& request, const SourceOptions& options)
      : context_(context), request_(request), options_(options) {}

  // Paths below the folder, in order. Links are not followed: what they lead to is not in the
  // folder.
  Result<std::vector<std::string>> list() {
    std::error_code error;
    if (!fs::is_directory(request_.folder, error)) {
      return fail(ErrorCode::kInvalidArgument, "{} is no folder", request_.folder.string());
    }
    std::vector<std::string> paths;
    fs::recursive_directory_iterator entry(request_.folder, error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      RETURN_IF_ERROR(context_.check());
      const std::string path = entry->path().lexically_relative(request_.folder).generic_string();
      const bool hidden = entry->path().filename().string().starts_with('.');
      if (hidden && request_.include.empty()) {
        if (entry->is_directory(error)) entry.disable_recursion_pending();
        continue;
      }
      if (entry->symlink_status(error).type() == fs::file_type::regular && is_wanted(path)) {
        paths.push_back(path);
      }
    }
    // Half a listing would be taken for files that have gone.
    if (error) {
      return fail(ErrorCode::kUnavailable, "{}: {}", request_.folder.string(), error.message());
    }
    std::ranges::sort(paths);
    return paths;
  }

  Result<void> read(const std::string& path) {
    RETURN_IF_ERROR(context_.check());
    if (!text::is_valid_utf8(path)) {
      listing_.skipped.push_back(text::to_valid_utf8(path) + ": its name is not UTF-8");
      return {};
    }
    if (!is_source_file(path, request_.include)) {
      listing_.skipped.push_back(path + ": no kind of file that can be read");
      return {};
    }
    const auto content = read_file(request_.folder / path, options_.limits.file_bytes_max);
    if (!content) return give_up(path, content.error().message);
    total_ += content->size();
    if (total_ > options_.limits.total_bytes_max ||
        listing_.documents.size() > options_.limits.documents_max) {
      return fail(ErrorCode::kInvalidArgument,
                  "the folder holds more than {} MiB or {} documents: choose fewer with --include "
                  "and --exclude",
                  options_.limits.total_bytes_max >> 20U, options_.limits.documents_max);
    }
    auto documents = documents_of_file(context_, path, *content, kPathKey, path, options_.owner);
    if (!documents && documents.error().code == ErrorCode::kNotFound) return {};  // Empty.
    if (!documents) return give_up(path, documents.error().message);
    contents_ += path + "\n" + sha256_hex(*content) + "\n";
    std::ranges::move(*documents, std::back_inserter(listing_.documents));
    return {};
  }

  SourceListing finish() {
    listing_.revision = sha256_hex(contents_).substr(0, 16);
    return std::move(listing_);
  }

 private:
  bool is_wanted(const std::string& path) const {
    if (matches_any(request_.exclude, path)) return false;
    return request_.include.empty() || matches_any(request_.include, path);
  }

  // What the index has of it stays: a file that cannot be read now has not gone.
  Result<void> give_up(const std::string& path, std::string_view why) {
    RETURN_IF_ERROR(context_.check());
    listing_.kept_places.insert(path);
    listing_.failures.push_back(fmt::format("{}: {}", path, why));
    return {};
  }

  const Context& context_;
  const FolderRequest& request_;
  const SourceOptions& options_;
  std::uint64_t total_ = 0;
  std::string contents_;  // What the revision is a digest of.
  SourceListing listing_;
};

}  // namespace

Result<SourceListing> read_folder_source(const Context& context, const FolderRequest& request,
                                         const SourceOptions& options) {
  FolderReading reading(context, request, options);
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, reading.list());
  for (const std::string& path : paths) RETURN_IF_ERROR(reading.read(path));
  return reading.finish();
}

}  // namespace rage::cli
