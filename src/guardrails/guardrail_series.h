// The series of output guardrails, with KAITO's names. Private to the room.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "guardrails/scanners.h"
#include "guardrails/text_guard.h"
#include "obs/metrics.h"

namespace rage::guardrails {

enum class PolicyStatus { kSuccess, kMissing, kInvalid, kLoadFailed };
enum class ReloadResult { kSuccess, kFailure, kNoop };

// Resource. Thread-safe.
class GuardrailSeries {
 public:
  GuardrailSeries();
  GuardrailSeries(const GuardrailSeries&) = delete;
  GuardrailSeries& operator=(const GuardrailSeries&) = delete;

  void loaded(PolicyStatus status) { loads_[static_cast<std::size_t>(status)]->add(); }
  void reloaded(ReloadResult result) { reloads_[static_cast<std::size_t>(result)]->add(); }
  void built(const std::string& type, bool success);  // A type that there is not: "unknown".
  void finished(FinalAction action);
  void hit(const std::string& type, Action action) { hits_.at({type, action})->add(); }
  void loaded_at(WallTime time) { loaded_at_.set(static_cast<double>(unix_seconds(time))); }
  // Null: none is in force.
  void active(const std::string& path, const Policy* policy);
  std::string render() const;

 private:
  obs::MetricRegistry registry_;
  obs::Counter* loads_[4]{};
  obs::Counter* reloads_[3]{};
  obs::Counter* final_actions_[4]{};
  obs::Counter* actions_[4]{};
  std::map<std::pair<std::string, bool>, obs::Counter*> builds_;
  std::map<std::pair<std::string, Action>, obs::Counter*> hits_;
  obs::Gauge& loaded_at_;
  // Its labels change with the policy, so that it is no series of the registry, which only grows.
  Guarded<std::string> active_;
};

}  // namespace rage::guardrails
