// Which model really answers where another one was asked for. A model server says so with its
// models, as a tag (GET /v1/models, `tags`): clients that do not know it pass over it, and what
// stands between passes it on.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "codec/json.h"
#include "llm/llm_client.h"

namespace rage::llm {

// "phi-4 -> packaged:NAME" as a tag; without commas, which separate tags.
std::string render_stand_in_tag(std::string_view stand_in);
// Of an entry of a list of models; empty: it is what it is called.
std::string stand_in_of(const codec::Json& entry);

// Resource. Thread-safe. Remembers what the server said for a minute, or ten seconds that it did
// not.
class StandIns final {
 public:
  using ListModels = std::function<Result<std::vector<ModelInfo>>(const Context&)>;
  explicit StandIns(ListModels list) : list_(std::move(list)) {}

  // "phi-4 -> packaged:NAME" of a model by the name it is asked for; empty: none, or nobody tells.
  // Two seconds at most.
  std::string find(const Context& context, const std::string& model);
  // The server's list, from somebody who has just asked for it: it need not be asked again.
  void learn(std::span<const ModelInfo> models);

 private:
  struct Known {
    SteadyTime until{};
    std::size_t models = 0;
    std::map<std::string, std::string> by_model;
  };
  static Known known_from(std::span<const ModelInfo> models, SteadyTime now);
  Known ask(const Context& context) const;

  const ListModels list_;
  Guarded<Known> known_;
};

}  // namespace rage::llm
