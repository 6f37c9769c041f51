// core/v1 Events for people: what happened to an object, de-duplicated. The same event about the
// same object again raises its count instead of adding one. Best effort: a lost event is logged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "kube/client.h"

namespace rage::kube {

enum class EventType { kNormal, kWarning };

struct EventTarget {
  ResourceType type;
  ObjectKey key;
  std::string uid;
};

struct EventRecorderOptions {
  std::string component = "rage-operator";
  std::size_t queue_max = 1000;       // Past that, events are dropped and counted.
  std::size_t remembered_max = 4096;  // Distinct events whose count we keep, oldest out.
};

// Resource. Thread-safe. Owns one thread; record() never blocks. Destroyed, it sends what waits,
// for at most two seconds. Client and clock outlive it.
class EventRecorder final {
 public:
  EventRecorder(KubeClient& client, Clock& clock, EventRecorderOptions options = {});
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  void record(const EventTarget& target, EventType type, std::string_view reason,
              std::string_view message);
  std::uint64_t dropped() const;  // Events that nobody will ever see.

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace rage::kube
