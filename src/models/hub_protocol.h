// The Hugging Face hub's HTTP protocol as pure functions: what its replies mean, which files of a
// repository a model needs (https://huggingface.co/docs/hub/api). The I/O is in hub_client.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "models/reference.h"
#include "net/http.h"

namespace rage::models {

// Value. The reply of GET /api/models/{org}/{repo}/revision/{revision}?blobs=true.
struct HubListing {
  std::string commit;              // 40 lower-case hex digits.
  std::vector<std::string> files;  // Relative to the repository, each is_safe_relative_path().
  std::string id = {};             // The repository's name in its own case; empty if not told.
  // Sizes of files; told only when asked for (?blobs=true).
  std::map<std::string, std::uint64_t, std::less<>> bytes = {};
};

// kDataLoss if it is not the hub's JSON, or names a file outside the repository's folder.
Result<HubListing> parse_hub_listing(std::string_view json);

// The files that `reference` needs, sorted: the one it names; or the model.safetensors with all
// configuration and tokenizer files beside it; or the only *.gguf. Never code, never pickles.
// kNotFound, kInvalidArgument (several to choose from), kFailedPrecondition (only pickled weights).
Result<std::vector<std::string>> plan_hub_files(const HubListing& listing,
                                                const ModelReference& reference);

// What a mirror holds, sorted: everything but the hub's own files and what no server loads beside
// safetensors: pickled weights, and the copies that vendors keep in `original/` and `metal/`. Code
// stays: vLLM runs it where the model needs it. kNotFound if no weights are among it.
Result<std::vector<std::string>> plan_mirror_files(const HubListing& listing);

// Value. What a reply to GET .../resolve/... says about the whole file, not about the bytes sent.
struct HubFileHead {
  std::string etag;  // Without quotes and "W/". 64 hex: SHA-256 (LFS); 40 hex: git blob SHA-1.
  std::optional<std::uint64_t> bytes;
};

// From the hub itself, X-Linked-* before the plain headers, which describe a redirect's own body.
HubFileHead parse_hub_file_head(const net::HttpResponse& head);

// "bytes 100-199/1000"
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t total = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view value);

// What an error status of the hub means and what the user can do about it. `what` names the thing
// asked for; `page` is where a person accepts its licence.
Error explain_hub_status(const net::HttpResponse& head, std::string_view what,
                         std::string_view page, bool has_token);

}  // namespace rage::models
