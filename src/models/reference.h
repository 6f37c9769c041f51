// How a user names a model: where it comes from and what it is called there.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::models {

enum class ModelSource { kPackaged, kFile, kHub };

// Value. The fields of its source are set, the others empty.
struct ModelReference {
  ModelSource source = ModelSource::kPackaged;
  std::string name;          // kPackaged: a folder under packaged/ of the cache.
  std::string path;          // kFile: as given, relative or absolute.
  std::string organization;  // kHub
  std::string repository;    // kHub
  std::string revision;      // kHub: branch, tag or commit; "main" if not given.
  std::string file;          // kHub: one file of the repository, or empty for the model's folder.
  bool operator==(const ModelReference&) const = default;
};

// "packaged:NAME", "file:PATH" (also "file:///PATH"), "hf://org/repo[@revision][/file]", or bare
// "org/repo[@revision][/file]". A revision holds no '/', except "refs/pr/N" and
// "refs/convert/NAME". kInvalidArgument for anything else, and for every part that could leave the
// cache: "..", empty path parts, control characters, backslashes.
Result<ModelReference> parse_model_reference(std::string_view text);

// The canonical spelling, which parses to the same value: "hf://org/repo" without "@main".
std::string render_model_reference(const ModelReference& reference);

// "org/repo"
std::string hub_repository_id(const ModelReference& reference);

// A relative path of plain parts, which cannot leave the folder it is appended to.
bool is_safe_relative_path(std::string_view path);

// A full commit: 40 lower-case hex digits.
bool is_commit(std::string_view text);

}  // namespace rage::models
