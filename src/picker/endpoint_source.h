// Where a pool's endpoints, objectives and rewrites come from: a file, Kubernetes, or whoever holds
// them already.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "kube/client.h"
#include "routing/endpoint.h"
#include "routing/inference_pool.h"
#include "routing/objectives.h"

namespace rage::picker {

// Value. All that is known of a pool at one moment.
struct PoolContents {
  std::vector<routing::Endpoint> endpoints = {};
  std::shared_ptr<const routing::Objectives> objectives = nullptr;   // Null: none.
  std::shared_ptr<const routing::ModelRewrites> rewrites = nullptr;  // Null: none.
};

// Interface.
class EndpointSource {
 public:
  using Changed = std::function<void(PoolContents)>;
  virtual ~EndpointSource() = default;  // Not called afterwards.
  // Once. `changed` is called with each new state, on a thread of the source's or the caller's,
  // never twice at a time, first when the pool is known.
  virtual void start(Changed changed) = 0;
};

// Thread-safe. For owners of the state: tells what it is told.
class PushSource final : public EndpointSource {
 public:
  void start(Changed changed) override;
  void push(PoolContents contents);

 private:
  struct State {
    Changed changed;
    std::optional<PoolContents> early;
  };
  Guarded<State> state_;
};

struct FileSourceOptions {
  std::filesystem::path path;
  // How often the file is looked at; 0: once. A file that is renamed over it is never seen half.
  std::chrono::milliseconds poll{500};
};

// The file must be there and right at first. Later mistakes are logged and change nothing.
Result<std::unique_ptr<EndpointSource>> make_file_source(FileSourceOptions options, Clock& clock);

struct KubeSourceOptions {
  std::string name_space;
  std::string pool;  // Of the InferencePool. Without one in `selected`, watched.
  // Selector-only mode: no InferencePool is read, its CRD need not exist; only its selector and
  // target_ports count.
  std::optional<routing::InferencePool> selected = std::nullopt;
  std::chrono::milliseconds crd_check{30'000};  // For CRDs that are not there (yet).
  std::chrono::milliseconds first_wait{5'000};  // At first, for objectives and rewrites to be read.
};

// Pods of the pool's selector, InferenceObjectives and InferenceModelRewrites (where their CRDs
// exist) of the pool's namespace. `client` and `clock` outlive it.
std::unique_ptr<EndpointSource> make_kube_source(KubeSourceOptions options,
                                                 kube::KubeClient& client, Clock& clock);

}  // namespace rage::picker
