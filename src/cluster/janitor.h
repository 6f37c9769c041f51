// What controllers of a real cluster do behind the API server's back: collects what lost its
// owner, empties namespaces and kinds that are being deleted, gives each namespace its service
// account, drops old events. Level-triggered: what a crash left half done is done after a start.
#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "cluster/objects.h"

namespace rage::cluster {

struct JanitorOptions {
  std::chrono::seconds event_lifetime{3600};
  std::chrono::milliseconds sweep_interval{60'000};  // Between looks at what is merely old.
};

// Resource. Owns one thread. `objects` and `clock` outlive it.
class Janitor final {
 public:
  Janitor(Objects& objects, Clock& clock, const JanitorOptions& options = {});
  ~Janitor();  // Joins.
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;

 private:
  class Index;
  void run(const std::stop_token& stop);

  Objects& objects_;
  Clock& clock_;
  const JanitorOptions options_;
  std::jthread worker_;  // Last: uses everything above.
};

}  // namespace rage::cluster
