// What turns texts into vectors for `rage rag`: in this process, or by a service elsewhere.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "embed/metered_embedder.h"
#include "model_access.h"
#include "rag_environment.h"

namespace rage::app {

struct EmbedderFlags {
  std::string local = "packaged:all-MiniLM-L6-v2";
  const CLI::Option* local_option = nullptr;  // Set by add_to(); lives as long as the command.
  std::string precision = "auto";
  std::string url;  // Of a service elsewhere; empty: the environment says whether there is one.
  std::string token;
  std::string api = "auto";
  std::string model;
  std::size_t tokens_max = 512;
  std::size_t batch_max = 64;
  std::vector<std::string> old;  // For indexes that were built with them.

  void add_to(CLI::App& command);
};

// Resource. What a service's indexes need; `access` outlives it.
class Embedders final {
 public:
  static Result<std::unique_ptr<Embedders>> load(ModelAccess& access, const EmbedderFlags& flags,
                                                 const Environment& environment);
  embed::MeteredEmbedder& current() { return *metered_; }
  std::vector<embed::Embedder*> old() const;

 private:
  std::unique_ptr<embed::Embedder> current_;
  std::vector<std::unique_ptr<embed::Embedder>> old_;
  std::unique_ptr<embed::MeteredEmbedder> metered_;
};

}  // namespace rage::app
