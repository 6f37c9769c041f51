#include "kube/informer.h"

#include <algorithm>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/check.h"
#include "kube/detail/backoff.h"
#include "kube/detail/object_store.h"
#include "obs/log.h"

namespace rage::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::chrono_literals;

constexpr milliseconds kBackoffMin = 800ms;
constexpr milliseconds kBackoffMax = 30s;
// Watches end after one to two of these, not all of them at once.
constexpr seconds kWatchTimeout = 300s;
// A watch that ended sooner, without any news, is a failure: asking again at once would be a loop.
constexpr seconds kWatchLeast = 1s;
// A server sends a bookmark a minute. One that sends none for so long may wait for a version that
// it will not reach for years: its database was restored from a backup.
constexpr seconds kSilenceMax = 150s;
// Refusals in a row after which the version we resume from is the suspect.
constexpr int kRefusalsMax = 5;

}  // namespace

struct Informer::State {
  State(KubeClient& client_, Clock& clock_, ResourceType type_, InformerOptions options_)
      : client(client_),
        clock(clock_),
        type(std::move(type_)),
        options(std::move(options_)),
        store(detail::ObjectStore(options.indexes)) {}

  void run(const std::stop_token& stop);
  Result<void> list(const Context& context);
  Result<void> watch(const Context& context);
  // Zero: go on at once.
  milliseconds after_watch(const Result<void>& ended, SteadyTime started);
  void take_event(WatchEvent event);
  ObjectPtr make_object(Json document) const;
  void tell(const std::vector<Change>& changes) const;

  KubeClient& client;
  Clock& clock;
  const ResourceType type;
  const InformerOptions options;
  std::vector<std::function<void(const Change&)>> handlers;  // Constant after start().

  Guarded<detail::ObjectStore> store;

  mutable Mutex mutex;
  mutable CondVar changed;
  bool synced GUARDED_BY(mutex) = false;
  std::string last_error GUARDED_BY(mutex);
  InformerStatistics statistics GUARDED_BY(mutex);

  // Of the informer's thread alone.
  std::string version;  // Where the next watch starts; empty: list first.
  bool news = false;    // This watch brought something.
  int refusals = 0;
  detail::Backoff backoff{kBackoffMin, kBackoffMax};

  std::jthread thread;  // Last: it uses everything above.
};

void Informer::State::run(const std::stop_token& stop) {
  const Context context{.stop = stop};
  while (!stop.stop_requested()) {
    milliseconds wait{0};
    if (version.empty()) {
      const Result<void> listed = list(context);
      if (!listed && !stop.stop_requested()) {
        wait = std::max(backoff.next(), listed.error().retry_after.value_or(0ms));
        obs::log().warn(
            "listing failed",
            {{"kind", type.kind}, {"error", listed.error().message}, {"retry_ms", wait.count()}});
      }
    } else {
      const SteadyTime started = clock.now();
      wait = after_watch(watch(context), started);
    }
    if (wait > 0ms && !clock.sleep_for(wait, stop)) return;
  }
}

Result<void> Informer::State::list(const Context& context) {
  std::map<ObjectKey, ObjectPtr> objects;
  ListOptions request{.ns = options.ns,
                      .label_selector = options.label_selector,
                      .field_selector = options.field_selector,
                      .on_restart = [&] { objects.clear(); }};
  const auto take_page = [&](std::vector<Json> items) {
    for (Json& item : items) {
      ObjectPtr object = make_object(std::move(item));
      if (object) objects.insert_or_assign(object->meta().key(), std::move(object));
    }
  };
  Result<std::string> listed = client.list(context, type, request, take_page);
  if (listed && listed->empty()) {
    listed = fail(ErrorCode::kDataLoss, "the list has no resourceVersion");
  }
  if (!listed) {
    if (listed.error().code == ErrorCode::kNotFound) {
      listed = fail(ErrorCode::kNotFound, "the cluster has no {} of {}: is the CRD installed? ({})",
                    type.plural, type.api_version(), listed.error().message);
    }
    MutexLock lock(mutex);
    last_error = listed.error().message;
    return fail(std::move(listed).error());
  }
  version = *std::move(listed);
  tell(store.with(
      [&](detail::ObjectStore& known) { return known.replace(std::move(objects), version); }));
  MutexLock lock(mutex);
  ++statistics.lists;
  synced = true;
  changed.notify_all();
  return {};
}

Result<void> Informer::State::watch(const Context& context) {
  news = false;
  {
    MutexLock lock(mutex);
    ++statistics.watches;
  }
  const auto spread = std::chrono::duration_cast<seconds>(detail::jitter(kWatchTimeout));
  const WatchOptions request{.ns = options.ns,
                             .label_selector = options.label_selector,
                             .field_selector = options.field_selector,
                             .resource_version = version,
                             .timeout = kWatchTimeout + spread};
  return client.watch(context, type, request, [&](WatchEvent event) {
    take_event(std::move(event));
    return !version.empty() && !context.stop.stop_requested();
  });
}

milliseconds Informer::State::after_watch(const Result<void>& ended, SteadyTime started) {
  if (news) {
    backoff.reset();
    refusals = 0;
  }
  if (version.empty()) return backoff.next();  // A bookmark was before us.
  const SteadyTime::duration lasted = clock.now() - started;
  if (ended && !news && lasted >= kSilenceMax) version.clear();
  if (ended && (news || lasted >= kWatchLeast)) return 0ms;
  const bool was_cancelled = !ended && ended.error().code == ErrorCode::kCancelled;
  if (was_cancelled) return 0ms;
  if (!ended) {
    const Error& error = ended.error();
    // What the server said, not the network.
    const bool refused = !error.detail.empty() && ++refusals >= kRefusalsMax;
    // An event too large to take comes again and again; a list may pass it.
    const bool stuck = refused || error.code == ErrorCode::kResourceExhausted;
    if (is_gone(error) || (stuck && !error.retry_after)) {
      version.clear();
      refusals = 0;
    }
    obs::log().debug("watch ended", {{"kind", type.kind}, {"error", error.message}});
    // The first 410 after a quiet time is ordinary.
    if (is_gone(error) && news) return 0ms;
    return std::max(backoff.next(), error.retry_after.value_or(0ms));
  }
  return backoff.next();
}

void Informer::State::take_event(WatchEvent event) {
  const std::string at = codec::find_key(event.object, "metadata") != nullptr
                             ? codec::string_or(event.object["metadata"], "resourceVersion", "")
                             : "";
  // Events may come out of order; we resume after the newest.
  const int order = detail::compare_versions(at, version);
  if (!at.empty() && order >= 0) version = at;
  news = true;
  if (event.type == WatchEventType::kBookmark) {
    // No server says "you have seen all up to" what lies behind us, unless it was restored.
    if (order < 0) version.clear();
    return;
  }
  const ObjectPtr object = make_object(std::move(event.object));
  if (!object) return;
  {
    MutexLock lock(mutex);
    ++statistics.events;
  }
  tell(store.with([&](detail::ObjectStore& known) { return known.apply(event.type, object); }));
}

// Null if it has no name.
ObjectPtr Informer::State::make_object(Json document) const {
  if (!document.is_object()) return nullptr;
  if (options.trim) options.trim(document);
  auto object = std::make_shared<const Object>(std::move(document));
  return object->meta().name.empty() ? nullptr : object;
}

void Informer::State::tell(const std::vector<Change>& changes) const {
  for (const Change& change : changes) {
    for (const auto& handler : handlers) handler(change);
  }
}

Informer::Informer(KubeClient& client, Clock& clock, ResourceType type, InformerOptions options)
    : type_(type),
      state_(std::make_unique<State>(client, clock, std::move(type), std::move(options))) {}

Informer::~Informer() {
  stop();
}

void Informer::on_change(std::function<void(const Change&)> handler) {
  CHECK(!state_->thread.joinable());
  state_->handlers.push_back(std::move(handler));
}

void Informer::start() {
  CHECK(!state_->thread.joinable());
  state_->thread = std::jthread([this](const std::stop_token& stop) { state_->run(stop); });
}

void Informer::stop() {
  state_->thread.request_stop();
  if (state_->thread.joinable()) state_->thread.join();
}

bool Informer::synced() const {
  MutexLock lock(state_->mutex);
  return state_->synced;
}

Result<void> Informer::wait_synced(const Context& context) const {
  const std::stop_callback waker(context.stop, [this] {
    MutexLock lock(state_->mutex);
    state_->changed.notify_all();
  });
  MutexLock lock(state_->mutex);
  while (!state_->synced) {
    if (const auto going_on = context.check(); !going_on) {
      return fail(going_on.error().code, "{} are not listed yet: {}", type_.plural,
                  state_->last_error.empty() ? "no answer" : state_->last_error);
    }
    if (context.deadline) {
      state_->changed.wait_until(state_->mutex, *context.deadline);
    } else {
      state_->changed.wait(state_->mutex);
    }
  }
  return {};
}

ObjectPtr Informer::find(const ObjectKey& key) const {
  return std::as_const(state_->store).with([&](const auto& known) { return known.find(key); });
}

std::vector<ObjectPtr> Informer::list(std::string_view ns) const {
  return std::as_const(state_->store).with([&](const auto& known) { return known.list(ns); });
}

std::vector<ObjectPtr> Informer::by_index(std::string_view index, std::string_view value) const {
  return std::as_const(state_->store).with([&](const auto& known) {
    return known.by_index(index, value);
  });
}

std::size_t Informer::size() const {
  return std::as_const(state_->store).with([](const auto& known) { return known.size(); });
}

InformerStatistics Informer::statistics() const {
  MutexLock lock(state_->mutex);
  return state_->statistics;
}

void Informer::remember(Json written) {
  const ObjectPtr object = state_->make_object(std::move(written));
  if (!object) return;
  const InformerOptions& options = state_->options;
  if (!options.ns.empty() && object->meta().ns != options.ns) return;
  const bool selective = !options.label_selector.empty() || !options.field_selector.empty();
  state_->store.with([&](detail::ObjectStore& known) { known.remember(object, selective); });
}

std::vector<std::string> controller_uid_of(const Object& object) {
  const apis::OwnerReference* owner = object.meta().controller();
  if (owner == nullptr) return {};
  return {owner->uid};
}

}  // namespace rage::kube
