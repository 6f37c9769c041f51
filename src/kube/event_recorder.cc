#include "kube/event_recorder.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "apis/kinds.h"
#include "base/mutex.h"
#include "base/sha256.h"
#include "obs/log.h"

namespace rage::kube {
namespace {

constexpr std::size_t kMessageBytesMax = 1024;  // As client-go cuts it; also the API's limit.
constexpr std::size_t kReasonBytesMax = 128;
constexpr std::size_t kObjectNameBytesMax = 230;  // With ".", and 16 digits, below 253.
constexpr auto kCallTimeout = std::chrono::milliseconds(10'000);
constexpr auto kFlushTimeout = std::chrono::milliseconds(2'000);

std::string rfc3339(WallTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(unix_seconds(time))));
}

// Never in the middle of a UTF-8 sequence.
std::string cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

struct Pending {
  EventTarget target;
  EventType type = EventType::kNormal;
  std::string reason;
  std::string message;
  WallTime first = {};
  WallTime last = {};
  int count = 0;

  // Events of cluster-scoped objects live in "default".
  std::string ns() const { return target.key.ns.empty() ? "default" : target.key.ns; }

  // The same event has the same name in every process, so that a new leader goes on counting.
  std::string name() const {
    std::string identity;
    for (const std::string& part : {target.uid, target.type.kind, target.key.str(), reason, message,
                                    std::string(type == EventType::kNormal ? "N" : "W")}) {
      identity += part;
      identity += '\0';
    }
    return cut(target.key.name, kObjectNameBytesMax) + "." + sha256_hex(identity).substr(0, 16);
  }
};

}  // namespace

struct EventRecorder::State {
  State(KubeClient& client_in, Clock& clock_in, EventRecorderOptions options_in)
      : client(client_in), clock(clock_in), options(std::move(options_in)) {}

  // Waits for work. None once asked to stop and nothing is left.
  std::optional<Pending> take() {
    MutexLock lock(mutex);
    while (order.empty() && !closing) changed.wait(mutex);
    if (order.empty()) return std::nullopt;
    auto node = pending.extract(order.front());
    order.pop_front();
    return std::move(node.mapped());
  }

  void run() {
    while (const auto event = take()) {
      const auto sent = deliver(*event);
      if (!sent) lost(*event, sent.error());
    }
  }

  // Once the process ends, what is under way is cut off; it and the rest share one short time.
  Result<void> deliver(const Pending& event) {
    if (!hurry.stop_requested()) {
      Context context = Context::with_timeout(kCallTimeout);
      context.stop = hurry.get_token();
      auto sent = send(context, event);
      if (sent || !hurry.stop_requested()) return sent;
    }
    if (!flush) flush = Context::with_timeout(kFlushTimeout);
    RETURN_IF_ERROR(flush->check());
    return send(*flush, event);
  }

  void lost(const Pending& event, const Error& error) {
    {
      MutexLock lock(mutex);
      ++dropped;
    }
    obs::log().warn(
        "an event was lost",
        {{"object", event.target.key.str()}, {"reason", event.reason}, {"error", error.message}});
  }

  Result<void> send(const Context& context, const Pending& event) {
    const ObjectKey key{.ns = event.ns(), .name = event.name()};
    if (remembered.contains(key.str())) {
      const int count = remembered[key.str()].count + event.count;
      auto raised = raise(context, key, event, count);
      if (raised) return remember(key, count);
      if (raised.error().code != ErrorCode::kNotFound) return raised;
      forget(key);  // Events expire; it begins anew.
    }
    const auto created = client.create(context, type, document_of(key, event));
    if (created) return remember(key, event.count);
    if (created.error().code != ErrorCode::kAlreadyExists) return fail(created.error());
    ASSIGN_OR_RETURN(const Json found, client.get(context, type, key));
    const double known = codec::number_or(found, "count", 1);
    const int count = static_cast<int>(std::clamp(known, 1.0, 1e9)) + event.count;
    RETURN_IF_ERROR(raise(context, key, event, count));
    return remember(key, count);
  }

  Result<void> raise(const Context& context, const ObjectKey& key, const Pending& event,
                     int count) {
    const Json patch = {{"count", count}, {"lastTimestamp", rfc3339(event.last)}};
    RETURN_IF_ERROR(client.patch(context, type, key, PatchType::kMerge, patch));
    return {};
  }

  Json document_of(const ObjectKey& key, const Pending& event) const {
    Json involved = {{"apiVersion", event.target.type.api_version()},
                     {"kind", event.target.type.kind},
                     {"name", event.target.key.name}};
    if (!event.target.key.ns.empty()) involved["namespace"] = event.target.key.ns;
    if (!event.target.uid.empty()) involved["uid"] = event.target.uid;
    return {{"apiVersion", "v1"},
            {"kind", "Event"},
            {"metadata", {{"name", key.name}, {"namespace", key.ns}}},
            {"involvedObject", std::move(involved)},
            {"reason", event.reason},
            {"message", event.message},
            {"type", event.type == EventType::kNormal ? "Normal" : "Warning"},
            {"source", {{"component", options.component}}},
            {"reportingComponent", options.component},
            {"reportingInstance", ""},
            {"firstTimestamp", rfc3339(event.first)},
            {"lastTimestamp", rfc3339(event.last)},
            {"count", event.count}};
  }

  Result<void> remember(const ObjectKey& key, int count) {
    forget(key);
    ages.push_back(key.str());
    remembered[key.str()] = {.count = count, .age = std::prev(ages.end())};
    if (remembered.size() > options.remembered_max) {
      remembered.erase(ages.front());
      ages.pop_front();
    }
    return {};
  }

  void forget(const ObjectKey& key) {
    const auto it = remembered.find(key.str());
    if (it == remembered.end()) return;
    ages.erase(it->second.age);
    remembered.erase(it);
  }

  struct Known {
    int count = 0;
    std::list<std::string>::iterator age;
  };

  KubeClient& client;
  Clock& clock;
  const EventRecorderOptions options;
  const ResourceType& type = apis::builtin_type("Event");
  // The thread's: what the server has, oldest first in `ages`.
  std::map<std::string, Known> remembered;
  std::list<std::string> ages;
  std::optional<Context> flush;

  std::stop_source hurry;
  mutable Mutex mutex;
  CondVar changed;
  std::map<std::string, Pending> pending GUARDED_BY(mutex);  // By name: the same one waits once.
  std::deque<std::string> order GUARDED_BY(mutex);
  bool closing GUARDED_BY(mutex) = false;
  std::uint64_t dropped GUARDED_BY(mutex) = 0;
  std::jthread thread;  // Last: joined before anything that it uses is destroyed.
};

EventRecorder::EventRecorder(KubeClient& client, Clock& clock, EventRecorderOptions options)
    : state_(std::make_unique<State>(client, clock, std::move(options))) {
  state_->thread = std::jthread([state = state_.get()] { state->run(); });
}

EventRecorder::~EventRecorder() {
  {
    MutexLock lock(state_->mutex);
    state_->closing = true;
    state_->changed.notify_all();
  }
  state_->hurry.request_stop();
}

void EventRecorder::record(const EventTarget& target, EventType type, std::string_view reason,
                           std::string_view message) {
  const WallTime now = state_->clock.wall_now();
  Pending event{.target = target,
                .type = type,
                .reason = cut(reason, kReasonBytesMax),
                .message = cut(message, kMessageBytesMax),
                .first = now,
                .last = now,
                .count = 1};
  const std::string id = event.ns() + "/" + event.name();
  MutexLock lock(state_->mutex);
  const auto waiting = state_->pending.find(id);
  if (waiting != state_->pending.end()) {
    ++waiting->second.count;
    waiting->second.last = now;
    return;
  }
  if (state_->pending.size() >= state_->options.queue_max) {
    ++state_->dropped;
    return;
  }
  state_->pending.emplace(id, std::move(event));
  state_->order.push_back(id);
  state_->changed.notify_one();
}

std::uint64_t EventRecorder::dropped() const {
  MutexLock lock(state_->mutex);
  return state_->dropped;
}

}  // namespace rage::kube
