#include "models/hub_protocol.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "codec/json.h"
#include "net/retry_after.h"

namespace rage::models {
namespace {

constexpr std::size_t kFilesMax = 100'000;
constexpr double kFileBytesMax = 1e15;      // Larger is nonsense.
constexpr std::size_t kFilesNamedMax = 10;  // In a message.

std::string_view extension_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : path.substr(dot);
}

// Python code, and what Python unpickles: both run what their author wrote.
bool may_run_code(std::string_view path) {
  constexpr std::array<std::string_view, 9> kRefused = {
      ".py", ".bin", ".pt", ".pth", ".pkl", ".ckpt", ".so", ".pickle", ".joblib"};
  return std::ranges::find(kRefused, to_lower_ascii(extension_of(path))) != kRefused.end();
}

bool is_pickled(std::string_view path) {
  return may_run_code(path) && extension_of(path) != ".py";
}

// "1_Pooling", "2_Dense": the modules of a sentence-transformers model.
bool is_module_folder(std::string_view folder) {
  const std::size_t underscore = folder.find('_');
  return underscore != std::string_view::npos && underscore > 0 &&
         std::ranges::all_of(folder.substr(0, underscore), is_ascii_digit);
}

bool is_weights(std::string_view name) {
  return name == "model.safetensors" ||
         (name.starts_with("model-") && name.ends_with(".safetensors"));
}

bool belongs_to_model_folder(std::string_view path) {
  if (may_run_code(path)) return false;
  const std::size_t slash = path.find('/');
  const std::string_view extension = extension_of(path);
  if (slash != std::string_view::npos) {
    const bool nested = path.find('/', slash + 1) != std::string_view::npos;
    return !nested && is_module_folder(path.substr(0, slash)) &&
           (extension == ".json" || extension == ".safetensors");
  }
  return extension == ".json" || is_weights(path) || path.starts_with("tokenizer") ||
         path == "vocab.txt" || path == "merges.txt" || extension == ".model";
}

std::string name_some(const std::vector<std::string>& files) {
  std::vector<std::string> some(files.begin(),
                                files.begin() + std::min(files.size(), kFilesNamedMax));
  if (files.size() > kFilesNamedMax) some.emplace_back("...");
  return join(some, ", ");
}

Result<std::vector<std::string>> plan_named_file(const HubListing& listing,
                                                 const ModelReference& reference) {
  if (std::ranges::find(listing.files, reference.file) == listing.files.end()) {
    return fail(ErrorCode::kNotFound, "{} has no file '{}' at {}", hub_repository_id(reference),
                reference.file, reference.revision);
  }
  if (may_run_code(reference.file)) {
    return fail(ErrorCode::kFailedPrecondition,
                "{} can run code when it is loaded; RAGE takes *.safetensors and *.gguf",
                reference.file);
  }
  return std::vector{reference.file};
}

std::string_view without_quotes(std::string_view etag) {
  etag = trim(etag);
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return etag;
}

ErrorCode code_of(int status) {
  switch (status) {
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
    case 410:
      return ErrorCode::kNotFound;
    case 408:
      return ErrorCode::kUnavailable;
    case 429:
      return ErrorCode::kResourceExhausted;
    default:
      return status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kFailedPrecondition;
  }
}

}  // namespace

Result<HubListing> parse_hub_listing(std::string_view json) {
  auto parsed = codec::parse_json(json);
  if (!parsed) return fail(ErrorCode::kDataLoss, "the hub's reply is {}", parsed.error().message);
  HubListing listing{.commit = codec::string_or(*parsed, "sha", ""),
                     .files = {},
                     .id = codec::string_or(*parsed, "id", "")};
  if (!is_commit(listing.commit)) {
    return fail(ErrorCode::kDataLoss, "the hub's reply names no commit");
  }
  const codec::Json* siblings = codec::find_key(*parsed, "siblings");
  if (siblings == nullptr || !siblings->is_array() || siblings->size() > kFilesMax) {
    return fail(ErrorCode::kDataLoss, "the hub's reply has no usable list of files");
  }
  for (const codec::Json& sibling : *siblings) {
    std::string name = codec::string_or(sibling, "rfilename", "");
    if (!is_safe_relative_path(name)) {
      return fail(ErrorCode::kDataLoss,
                  "the hub lists a file name that leaves its folder; nothing was downloaded");
    }
    const double bytes = codec::number_or(sibling, "size", -1);
    if (bytes >= 0 && bytes <= kFileBytesMax) {
      listing.bytes[name] = static_cast<std::uint64_t>(bytes);
    }
    listing.files.push_back(std::move(name));
  }
  std::ranges::sort(listing.files);
  const auto repeated = std::ranges::unique(listing.files);
  listing.files.erase(repeated.begin(), repeated.end());
  return listing;
}

Result<std::vector<std::string>> plan_hub_files(const HubListing& listing,
                                                const ModelReference& reference) {
  if (!reference.file.empty()) return plan_named_file(listing, reference);
  std::vector<std::string> folder, ggufs;
  bool weights = false;
  for (const std::string& file : listing.files) {
    if (file.ends_with(".gguf")) ggufs.push_back(file);
    if (!belongs_to_model_folder(file)) continue;
    weights = weights || is_weights(file);
    folder.push_back(file);
  }
  const std::string id = hub_repository_id(reference);
  if (weights) return folder;
  if (ggufs.size() == 1) return ggufs;
  if (ggufs.size() > 1) {
    return fail(ErrorCode::kInvalidArgument,
                "{} has {} GGUF files; name one, as in hf://{}/{} ({})", id, ggufs.size(), id,
                ggufs.front(), name_some(ggufs));
  }
  return fail(
      ErrorCode::kFailedPrecondition,
      "{} has neither model.safetensors nor a *.gguf file; pickled weights are never loaded", id);
}

Result<std::vector<std::string>> plan_mirror_files(const HubListing& listing) {
  const auto has_ending = [&](std::string_view ending) {
    return std::ranges::any_of(listing.files,
                               [&](const std::string& file) { return file.ends_with(ending); });
  };
  const bool safe = has_ending(".safetensors");
  if (!safe && !has_ending(".gguf") && std::ranges::none_of(listing.files, is_pickled)) {
    return fail(ErrorCode::kNotFound, "the repository holds no weights");
  }
  std::vector<std::string> files;
  for (const std::string& file : listing.files) {
    if (file.starts_with("original/") || file.starts_with("metal/")) continue;
    if (file.starts_with(".") || (safe && is_pickled(file))) continue;
    files.push_back(file);
  }
  return files;
}

HubFileHead parse_hub_file_head(const net::HttpResponse& head) {
  HubFileHead file;
  const std::string_view linked = head.headers.find("x-linked-etag");
  file.etag = to_lower_ascii(without_quotes(linked.empty() ? head.headers.find("etag") : linked));
  file.bytes = parse_uint(trim(head.headers.find("x-linked-size")));
  if (file.bytes) return file;
  if (head.status == 200) file.bytes = parse_uint(trim(head.headers.find("content-length")));
  if (head.status == 206) {
    const auto range = parse_content_range(head.headers.find("content-range"));
    if (range) file.bytes = range->total;
  }
  return file;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  value = trim(value);
  if (!value.starts_with("bytes ")) return std::nullopt;
  value.remove_prefix(6);
  const std::size_t dash = value.find('-');
  const std::size_t slash = value.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
    return std::nullopt;
  }
  const auto first = parse_uint(value.substr(0, dash));
  const auto last = parse_uint(value.substr(dash + 1, slash - dash - 1));
  const auto total = parse_uint(value.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{.first = *first, .total = *total};
}

Error explain_hub_status(const net::HttpResponse& head, std::string_view what,
                         std::string_view page, bool has_token) {
  const std::string_view reason = head.headers.find("x-error-code");
  Error error{.code = code_of(head.status)};
  if (reason == "GatedRepo") {
    error.code = ErrorCode::kPermissionDenied;
    error.message = fmt::format(
        "{} is gated: accept the licence at {} and set HF_TOKEN to a token of that account", what,
        page);
  } else if (head.status == 401 && !has_token) {
    error.message = fmt::format(
        "{} does not exist, or is private or gated: check the name; if it is right, accept the "
        "licence at {} and set HF_TOKEN",
        what, page);
  } else if (head.status == 401) {
    error.message = fmt::format(
        "{} does not exist, or the token in HF_TOKEN is not valid for it: check both", what);
  } else if (head.status == 403) {
    error.message = fmt::format(
        "access to {} is refused: accept the licence at {} and set HF_TOKEN to a token that may "
        "read "
        "it",
        what, page);
  } else if (head.status == 404) {
    error.message =
        fmt::format("{} was not found on the hub: check the name and the revision", what);
  } else if (head.status == 429) {
    error.message =
        fmt::format("the hub limits requests for {}; setting HF_TOKEN raises the limit", what);
    error.retry_after = net::retry_after(head.headers);
  } else {
    error.message = fmt::format("the hub answered {} for {}", head.status, what);
    error.retry_after = net::retry_after(head.headers);
  }
  return error;
}

}  // namespace rage::models
