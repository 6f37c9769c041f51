// A hub repository as a folder under its own file names, for servers that are not ours to read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "models/hub_client.h"
#include "models/reference.h"

namespace rage::models {

struct MirrorProgress {
  std::uint64_t bytes_done = 0;   // Of the whole repository, what was there before included.
  std::uint64_t bytes_total = 0;  // 0: the hub does not say.
};
using MirrorProgressCallback = std::function<void(const MirrorProgress&)>;

// Downloads what plan_mirror_files() chooses into `folder`, sub-directories kept, each file
// verified before it gets its name. Cut off, it continues with the commit it began with, which
// `folder`/.rage/commit notes: files of two commits are never mixed. One process at a time; what
// two would garble is found by its hash and fetched again.
Result<void> mirror_repository(const Context& context, HubClient& hub,
                               const ModelReference& reference, const std::filesystem::path& folder,
                               const MirrorProgressCallback& progress = {});

// Value. How fast a download goes and how long it still takes, since the first update.
class DownloadMeter final {
 public:
  void update(const MirrorProgress& progress, SteadyTime now);
  double bytes_per_second() const { return speed_; }
  double remaining_seconds() const { return remaining_; }  // -1: not known; 0: finished.

 private:
  SteadyTime start_ = {};
  std::uint64_t first_bytes_ = 0;  // There before the start: not downloaded now.
  bool started_ = false;
  double speed_ = 0;
  double remaining_ = -1;
};

}  // namespace rage::models
