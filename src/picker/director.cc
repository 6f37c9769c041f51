#include <atomic>
#include <thread>
#include <utility>

#include "obs/log.h"
#include "picker/detail/core.h"
#include "picker/detail/decide.h"
#include "picker/detail/prepare.h"
#include "picker/detail/queued_pick.h"
#include "picker/detail/refusals.h"
#include "picker/make_director.h"

namespace rage::picker {
namespace {

using detail::Core;
using detail::Done;
using detail::refused;

class Director final : public EndpointPicker {
 public:
  Director(std::shared_ptr<Core> core, std::unique_ptr<EndpointSource> source)
      : core_(std::move(core)), source_(std::move(source)) {}

  ~Director() override {
    source_.reset();
    refresher_ = {};
    scraper_.reset();
    begin_drain();
    if (core_->admission) core_->admission->stop();
  }

  Result<void> start() {
    if (core_->options.scrape.enabled) {
      ScrapeHooks hooks{
          .updated = [core = core_.get()] { core->on_capacity(); },
          .poll_failed = [core = core_.get()] { core->metrics.poll_errors.add(); },
          .extract_failed = [core = core_.get()] { core->metrics.extract_errors.add(); }};
      ASSIGN_OR_RETURN(
          scraper_, MetricsScraper::create(core_->options.scrape, core_->clock, std::move(hooks)));
    }
    source_->start([this](PoolContents contents) { on_contents(std::move(contents)); });
    refresher_ = std::jthread([this](const std::stop_token& stop) {
      while (core_->clock.sleep_for(core_->options.refresh, stop)) refresh();
    });
    return {};
  }

  std::unique_ptr<PickTicket> pick(PickRequest request, Done done) override {
    const SteadyTime arrived_at = core_->clock.now();
    if (!core_->draining.load() && request.body) {
      return pick_by_body(std::move(request), std::move(done), arrived_at);
    }
    done(core_->draining.load() ? refused(detail::shutting_down())
                                : detail::pick_any(*core_, request));
    return detail::finished_ticket();
  }

  bool ready() const override { return core_->contents() && !core_->draining.load(); }

  std::string debug_state() const override { return core_->scheduler->debug_state(); }

  void begin_drain() override {
    core_->draining.store(true);
    if (core_->admission) core_->admission->drain();
  }

 private:
  std::unique_ptr<PickTicket> pick_by_body(PickRequest request, Done done, SteadyTime arrived_at) {
    static const PoolContents kUnknown;
    const auto contents = core_->contents();
    auto prepared = detail::prepare(std::move(request), core_->options,
                                    contents ? *contents : kUnknown, core_->random(), arrived_at);
    if (!prepared) {
      detail::answer(*core_, done, refused(std::move(prepared.error().refusal)),
                     prepared.error().labels, arrived_at);
      return detail::finished_ticket();
    }
    const RequestLabels labels = prepared->labels();
    if (!prepared->rewrite.empty()) {
      core_->metrics.count_rewrite(prepared->rewrite, labels.model, labels.target_model);
    }
    const RequestSeries& series = core_->metrics.request(labels);
    series.total.add();
    series.size_bytes.observe(static_cast<double>(prepared->request.body->size()));
    if (core_->admission) return detail::enqueue(core_, *std::move(prepared), std::move(done));
    auto shed = detail::refuse_sheddable(*core_, *prepared);
    detail::answer(*core_, done,
                   shed ? refused(*std::move(shed)) : detail::decide(core_, *prepared), labels,
                   arrived_at);
    return detail::finished_ticket();
  }

  void on_contents(PoolContents contents) {
    const TableChange change = core_->table.replace(std::move(contents.endpoints));
    contents.endpoints.clear();
    for (const TableEntry& entry : change.removed) core_->metrics.set_endpoint(entry.endpoint);
    if (scraper_) scraper_->apply(change);
    core_->measured.with([](auto& last) { last.reset(); });
    auto known = std::make_shared<const PoolContents>(std::move(contents));
    core_->known.with([&](auto& current) { current.swap(known); });
    if (!change.added.empty() || !change.removed.empty()) {
      obs::log().info("the pool's endpoints have changed", {{"pool", core_->options.pool},
                                                            {"added", change.added.size()},
                                                            {"removed", change.removed.size()}});
      topology_changed_.store(true);
    }
    detail::refresh_gauges(*core_);
    core_->on_capacity();
  }

  void refresh() {
    if (topology_changed_.exchange(false)) {
      core_->scheduler->retain(core_->table.view().endpoints());
    }
    detail::refresh_gauges(*core_);
  }

  const std::shared_ptr<Core> core_;
  std::unique_ptr<EndpointSource> source_;
  std::unique_ptr<MetricsScraper> scraper_;
  std::atomic<bool> topology_changed_ = false;
  std::jthread refresher_;
};

}  // namespace

Result<std::unique_ptr<EndpointPicker>> make_director(DirectorOptions options,
                                                      std::unique_ptr<routing::Scheduler> scheduler,
                                                      std::unique_ptr<EndpointSource> source,
                                                      Clock& clock, obs::MetricRegistry& registry) {
  RETURN_IF_ERROR(routing::validate(options.saturation));
  if (options.flow_control) RETURN_IF_ERROR(options.flow_control->validate());
  if (options.refresh.count() <= 0) {
    return fail(ErrorCode::kInvalidArgument, "the refresh interval must be positive");
  }
  auto core = std::make_shared<Core>(std::move(options), std::move(scheduler), clock, registry);
  auto director = std::make_unique<Director>(std::move(core), std::move(source));
  RETURN_IF_ERROR(director->start());
  return director;
}

}  // namespace rage::picker
