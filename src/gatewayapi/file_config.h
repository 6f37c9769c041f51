// A World out of YAML or JSON: what a cluster's API server would hold, as files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gatewayapi/world.h"

namespace rage::gatewayapi {

// What a file says that cannot be used: "routes.yaml, document 2: ...".
struct FileProblem {
  std::string where;
  std::string message;
  bool operator==(const FileProblem&) const = default;
};

struct FileConfig {
  World world;
  // The rest of the world is usable. Whoever starts with files refuses to start; whoever reloads
  // keeps what it had.
  std::vector<FileProblem> problems;
};

// Adds the documents of one text, separated by "---". Objects without a namespace lie in "default".
// An object that was there already, a kind that no gateway looks at, and what an object cannot say
// are problems.
void add_documents(FileConfig& config, std::string_view text, std::string_view source);

// All files below `directory` that end in .yaml, .yml or .json, in order of their names; or the one
// file. kNotFound if it does not exist.
Result<FileConfig> read_files(const std::filesystem::path& path);

}  // namespace rage::gatewayapi
