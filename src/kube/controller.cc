#include "kube/controller.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <string_view>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "obs/log.h"

namespace rage::kube {
namespace {

using std::chrono::milliseconds;

// controller-runtime's.
const std::vector<double>& reconcile_buckets() {
  static const std::vector<double> buckets = {
      0.005, 0.01, 0.025, 0.05, 0.1,  0.15, 0.2,  0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6,
      0.7,   0.8,  0.9,   1.0,  1.25, 1.5,  1.75, 2.0,  2.5, 3.0,  3.5, 4.0,  4.5, 5,
      6,     7,    8,     9,    10,   15,   20,   25,   30,  40,   50,  60};
  return buckets;
}

struct ControllerMetrics {
  ControllerMetrics(obs::MetricRegistry& registry, const std::string& name)
      : success(total(registry, name, "success")),
        error(total(registry, name, "error")),
        requeue(total(registry, name, "requeue")),
        requeue_after(total(registry, name, "requeue_after")),
        errors(registry.counter("controller_runtime_reconcile_errors_total",
                                "Total number of reconciliation errors per controller.",
                                {{"controller", name}})),
        seconds(registry.histogram("controller_runtime_reconcile_time_seconds",
                                   "Length of time per reconciliation per controller.",
                                   reconcile_buckets(), {{"controller", name}})),
        active(registry.gauge("controller_runtime_active_workers",
                              "Number of currently used workers per controller.",
                              {{"controller", name}})),
        workers(registry.gauge("controller_runtime_max_concurrent_reconciles",
                               "Maximum number of concurrent reconciles per controller.",
                               {{"controller", name}})) {}

  static obs::Counter& total(obs::MetricRegistry& registry, const std::string& name,
                             const char* result) {
    return registry.counter("controller_runtime_reconcile_total",
                            "Total number of reconciliations per controller.",
                            {{"controller", name}, {"result", result}});
  }

  obs::Counter& success;
  obs::Counter& error;
  obs::Counter& requeue;
  obs::Counter& requeue_after;
  obs::Counter& errors;
  obs::Histogram& seconds;
  obs::Gauge& active;
  obs::Gauge& workers;
};

WorkQueueOptions queue_options(const ControllerOptions& options, obs::MetricRegistry& metrics) {
  WorkQueueOptions queue = options.queue;
  queue.metrics = &metrics;
  queue.name = options.name;
  return queue;
}

std::string_view group_of(std::string_view api_version) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

}  // namespace

KeyMapper to_controller(const ResourceType& owner) {
  return [owner](const Object& object) -> std::vector<ObjectKey> {
    const apis::OwnerReference* reference = object.meta().controller();
    if (reference == nullptr || reference->kind != owner.kind ||
        group_of(reference->api_version) != owner.group) {
      return {};
    }
    return {{.ns = owner.namespaced ? object.meta().ns : "", .name = reference->name}};
  };
}

struct Controller::State {
  State(Reconciler& reconciler_in, Clock& clock_in, obs::MetricRegistry& registry,
        ControllerOptions options_in)
      : reconciler(reconciler_in),
        clock(clock_in),
        options(std::move(options_in)),
        metrics(registry, options.name),
        queue(std::make_shared<WorkQueue>(clock, queue_options(options, registry))) {
    metrics.workers.set(options.workers);
  }

  void work() {
    while (const auto key = queue->get(taking.get_token())) {
      metrics.active.add(1);
      handle(*key);
      metrics.active.add(-1);
      queue->done(*key);
      reconciles.fetch_add(1, std::memory_order_relaxed);
    }
    MutexLock lock(mutex);
    --working;
    ended.notify_all();
  }

  void handle(const ObjectKey& key) {
    Context context = Context::with_timeout(options.reconcile_timeout);
    context.stop = cancelling.get_token();
    const SteadyTime begin = clock.now();
    const Result<Outcome> outcome = reconcile(context, key);
    metrics.seconds.observe(std::chrono::duration<double>(clock.now() - begin).count());
    if (outcome) return settle(key, *outcome);
    // Cut off by drain(): the next leader does it again.
    if (context.stop.stop_requested()) return;
    retry(key, outcome.error());
  }

  // Nothing that a reconciler throws may end the process.
  Result<Outcome> reconcile(const Context& context, const ObjectKey& key) {
    try {
      return reconciler.reconcile(context, key);
    } catch (const std::exception& error) {
      return fail(ErrorCode::kInternal, "reconcile threw: {}", error.what());
    } catch (...) {
      return fail(ErrorCode::kInternal, "reconcile threw");
    }
  }

  void settle(const ObjectKey& key, const Outcome& outcome) {
    if (!outcome.requeue_after) {
      metrics.success.add();
      queue->forget(key);
    } else if (outcome.requeue_after->count() > 0) {
      metrics.requeue_after.add();
      queue->forget(key);
      queue->add_after(key, *outcome.requeue_after);
    } else {
      metrics.requeue.add();  // "Again", without a time: with back-off, or it would spin.
      queue->add_rate_limited(key);
    }
  }

  void retry(const ObjectKey& key, const Error& error) {
    metrics.error.add();
    metrics.errors.add();
    // Somebody else wrote first: the next pass sees it. That is how it should be.
    if (is_conflict(error)) {
      obs::log().debug("reconcile will be repeated after a conflict",
                       {{"controller", options.name}, {"object", key.str()}});
    } else {
      obs::log().warn("reconcile failed", {{"controller", options.name},
                                           {"object", key.str()},
                                           {"error", error.message},
                                           {"detail", error.detail}});
    }
    if (error.retry_after && error.retry_after->count() > 0) {
      queue->add_after(key, *error.retry_after);
    } else {
      queue->add_rate_limited(key);
    }
  }

  Reconciler& reconciler;
  Clock& clock;
  const ControllerOptions options;
  ControllerMetrics metrics;
  // Shared with the informers' handlers, which live longer.
  const std::shared_ptr<WorkQueue> queue;
  std::stop_source taking;      // Requested: no key is begun any more.
  std::stop_source cancelling;  // Requested: what runs is to end.
  std::atomic<std::uint64_t> reconciles = 0;
  Mutex mutex;
  CondVar ended;
  int working GUARDED_BY(mutex) = 0;  // Threads.
  Mutex draining;                     // One drain() at a time.
  std::vector<std::jthread> threads;  // Last: joined before anything that they use is destroyed.
};

Controller::Controller(Reconciler& reconciler, Clock& clock, obs::MetricRegistry& metrics,
                       ControllerOptions options)
    : state_(std::make_unique<State>(reconciler, clock, metrics, std::move(options))) {}

Controller::~Controller() {
  drain(milliseconds(0));
}

void Controller::watch(Informer& informer, KeyMapper mapper) {
  informer.on_change([queue = state_->queue, mapper = std::move(mapper)](const Change& change) {
    if (!mapper) return queue->add(change.latest().meta().key());
    // Both: an object that changes hands concerns the old owner, too.
    for (const ObjectPtr& object : {change.before, change.after}) {
      if (!object) continue;
      for (const ObjectKey& key : mapper(*object)) queue->add(key);
    }
  });
}

void Controller::enqueue(const ObjectKey& key) {
  state_->queue->add(key);
}

void Controller::start() {
  MutexLock lock(state_->draining);
  if (state_->taking.stop_requested() || !state_->threads.empty()) return;
  const int workers = std::max(1, state_->options.workers);
  {
    MutexLock working_lock(state_->mutex);
    state_->working = workers;
  }
  for (int i = 0; i < workers; ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->work(); });
  }
}

void Controller::drain(milliseconds limit) {
  State& state = *state_;
  MutexLock one_at_a_time(state.draining);
  const auto until = std::chrono::steady_clock::now() + limit;
  state.taking.request_stop();
  {
    MutexLock lock(state.mutex);
    while (state.working > 0) {
      if (state.ended.wait_until(state.mutex, until) == std::cv_status::timeout) break;
    }
  }
  state.cancelling.request_stop();
  state.threads.clear();  // Joins.
  state.queue->shut_down();
}

std::uint64_t Controller::reconciles() const {
  return state_->reconciles.load(std::memory_order_relaxed);
}

}  // namespace rage::kube
