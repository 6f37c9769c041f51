#include <string_view>
#include <utility>

#include "picker/detail/decide.h"
#include "picker/detail/queued_pick.h"
#include "picker/detail/refusals.h"
#include "picker/detail/request_headers.h"

namespace rage::picker::detail {
namespace {

using routing::FlowOutcome;

std::string_view outcome_name(FlowOutcome outcome) {
  switch (outcome) {
    case FlowOutcome::kDispatched:
      return "Dispatched";
    case FlowOutcome::kRejectedCapacity:
      return "RejectedCapacity";
    case FlowOutcome::kRejectedNoEndpoints:
      return "RejectedNoEndpoints";
    case FlowOutcome::kEvictedTtl:
      return "EvictedTTL";
    case FlowOutcome::kEvictedCancelled:
      return "EvictedContextCancelled";
    case FlowOutcome::kShuttingDown:
      return "RejectedOther";
  }
  return "RejectedOther";
}

routing::QueuedRequest queued_request(const Prepared& prepared, std::uint64_t id) {
  const net::Headers& headers = prepared.request.headers;
  routing::QueuedRequest request{.id = id,
                                 .flow = prepared.flow,
                                 .bytes = prepared.request.body->size(),
                                 .arrived_at = prepared.arrived_at,
                                 .ttl = request_ttl(headers)};
  if (const auto slo = slo_ttft_ms(headers)) {
    request.slo_deadline =
        prepared.arrived_at + std::chrono::duration_cast<SteadyTime::duration>(
                                  std::chrono::duration<double, std::milli>(*slo));
  }
  return request;
}

class QueuedPick final {
 public:
  QueuedPick(std::shared_ptr<Core> core, Prepared prepared, Done done)
      : core_(std::move(core)),
        prepared_(std::move(prepared)),
        done_(std::move(done)),
        labels_(prepared_.labels()),
        series_(core_->metrics.request(labels_)),
        arrived_at_(prepared_.arrived_at),
        bytes_(static_cast<double>(prepared_.request.body->size())) {
    series_.queue_size.add(1);
    series_.queue_bytes.add(bytes_);
  }
  QueuedPick(const QueuedPick&) = delete;
  QueuedPick& operator=(const QueuedPick&) = delete;

  Admission& admission() { return *core_->admission; }

  // One of the two, once.
  void on_decision(const routing::FlowDecision& decision, bool pool_empty) {
    leave(decision.outcome);
    PickOutcome outcome = decision.outcome == FlowOutcome::kDispatched
                              ? decide(core_, prepared_)
                              : refused(of_flow(decision, pool_empty, core_->options.retry_after));
    prepared_ = {};  // The ticket may be kept for long; the body need not.
    answer(*core_, std::exchange(done_, nullptr), std::move(outcome), labels_, arrived_at_);
  }
  void on_cancelled() {
    leave(FlowOutcome::kEvictedCancelled);
    core_->metrics.count_error(labels_, "ContextCancelled");
  }

 private:
  void leave(FlowOutcome outcome) {
    series_.queue_size.add(-1);
    series_.queue_bytes.add(-bytes_);
    const std::chrono::duration<double> waited = core_->clock.now() - arrived_at_;
    core_->metrics.observe_queue(labels_, outcome_name(outcome), waited.count());
  }

  const std::shared_ptr<Core> core_;
  Prepared prepared_;
  Done done_;
  const RequestLabels labels_;
  const RequestSeries& series_;
  const SteadyTime arrived_at_;
  const double bytes_;
};

class QueueTicket final : public PickTicket {
 public:
  QueueTicket(std::shared_ptr<QueuedPick> queued, std::uint64_t id)
      : queued_(std::move(queued)), id_(id) {}
  ~QueueTicket() override { cancel(); }
  QueueTicket(const QueueTicket&) = delete;
  QueueTicket& operator=(const QueueTicket&) = delete;

  void cancel() override {
    const auto queued = std::exchange(queued_, nullptr);
    if (queued && queued->admission().cancel(id_)) queued->on_cancelled();
  }

 private:
  std::shared_ptr<QueuedPick> queued_;
  std::uint64_t id_;
};

class FinishedTicket final : public PickTicket {
 public:
  void cancel() override {}
};

}  // namespace

void answer(Core& core, const Done& done, PickOutcome outcome, const RequestLabels& labels,
            SteadyTime arrived_at) {
  if (outcome.refusal) core.metrics.count_error(labels, outcome.refusal->code_name);
  const std::chrono::duration<double> took = core.clock.now() - arrived_at;
  core.metrics.request_processing_seconds.observe(took.count());
  done(std::move(outcome));
}

std::unique_ptr<PickTicket> enqueue(std::shared_ptr<Core> core, Prepared prepared, Done done) {
  const std::uint64_t id = core->next_id.fetch_add(1);
  Admission& admission = *core->admission;
  routing::QueuedRequest request = queued_request(prepared, id);
  auto queued = std::make_shared<QueuedPick>(std::move(core), std::move(prepared), std::move(done));
  admission.enqueue(std::move(request),
                    [queued](const routing::FlowDecision& decision, bool pool_empty) {
                      queued->on_decision(decision, pool_empty);
                    });
  return std::make_unique<QueueTicket>(std::move(queued), id);
}

std::unique_ptr<PickTicket> finished_ticket() {
  return std::make_unique<FinishedTicket>();
}

}  // namespace rage::picker::detail
