// The policy in force: read from a file, watched, counted. A file that turns bad or goes away does
// not take the last good policy out of force.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "codec/json.h"
#include "guardrails/scanners.h"
#include "guardrails/text_guard.h"

namespace rage::guardrails {

class GuardrailSeries;

struct OutputGuardrailsOptions {
  bool enabled = false;
  std::filesystem::path policy = {};
  bool hot_reload = true;
  std::chrono::milliseconds look_every{1000};  // At the file, by its content.
};

// Resource. Thread-safe. Owns a thread if it watches a file. The clock outlives it.
class OutputGuardrails final {
 public:
  // If enabled, there must be a good policy: kNotFound for a file that is not there,
  // kInvalidArgument, with all that is wrong in it, for a bad one or where none is named.
  static Result<std::unique_ptr<OutputGuardrails>> create(const OutputGuardrailsOptions& options,
                                                          Clock& clock);
  ~OutputGuardrails();
  OutputGuardrails(const OutputGuardrails&) = delete;
  OutputGuardrails& operator=(const OutputGuardrails&) = delete;

  // Null: not enabled. Keep it for as long as one reply lasts.
  std::shared_ptr<const Policy> policy() const;
  // Counts what came of a reply, and logs it if it was changed.
  void record(const Policy& policy, const Outcome& outcome, const std::string& response_id);

  // Reads the file again if it has changed; what its own thread does.
  void look();

  // Why the file is not what is in force; empty if it is.
  std::string problem() const;
  // For people: what is in force, since when, what of it was read otherwise than written, and how
  // the last reload ended.
  codec::Json describe() const;
  std::string render_metrics() const;  // Prometheus text format.

 private:
  struct State {
    std::shared_ptr<const Policy> policy;
    WallTime loaded_at = {};
    std::string seen;  // Hash of the last content looked at, good or bad; empty: the file is away.
    std::string problem;
  };
  OutputGuardrails(const OutputGuardrailsOptions& options, Clock& clock);
  Result<std::shared_ptr<const Policy>> load(std::string& seen);
  void put_in_force(std::shared_ptr<const Policy> policy, std::string seen);
  void fail_reload(const std::string& problem, std::string seen);
  void watch(std::stop_token stop);

  const OutputGuardrailsOptions options_;
  Clock& clock_;
  const std::unique_ptr<GuardrailSeries> series_;
  Guarded<State> state_;
  std::jthread watcher_;  // Last: it uses everything above.
};

}  // namespace rage::guardrails
