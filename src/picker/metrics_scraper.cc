#include "picker/metrics_scraper.h"

#include <utility>

#include "obs/log.h"

namespace rage::picker {
namespace {

constexpr std::string_view kEngineLabels[] = {"llm-d.ai/engine-type",
                                              "inference.networking.k8s.io/engine-type"};

class Sink final : public net::ScrapeSink {
 public:
  Sink(std::shared_ptr<EndpointSlot> slot, std::shared_ptr<const routing::MetricsFormat> format,
       Clock& clock, const ScrapeHooks& hooks)
      : slot_(std::move(slot)), scan_(std::move(format)), clock_(clock), hooks_(hooks) {}

  void on_body(std::string_view bytes) override { scan_.feed(bytes); }

  void on_end(const Result<void>& outcome) override {
    routing::ScannedMetrics scanned = scan_.finish(clock_.now());
    if (!outcome) return hooks_.poll_failed();
    // Another server's page: what was known grows old.
    if (!scanned.metrics.updated_at) return hooks_.extract_failed();
    slot_->set_metrics(std::move(scanned.metrics));
    hooks_.updated();
  }

 private:
  const std::shared_ptr<EndpointSlot> slot_;
  routing::MetricsScan scan_;
  Clock& clock_;
  const ScrapeHooks& hooks_;
};

std::string engine_of(const routing::Endpoint& endpoint, const std::string& fallback) {
  for (const std::string_view label : kEngineLabels) {
    const auto found = endpoint.labels.find(label);
    if (found != endpoint.labels.end()) return found->second;
  }
  return fallback;
}

}  // namespace

MetricsScraper::MetricsScraper(ScrapeSettings settings, Clock& clock, ScrapeHooks hooks)
    : settings_(std::move(settings)), clock_(clock), hooks_(std::move(hooks)) {}

MetricsScraper::~MetricsScraper() = default;

Result<std::unique_ptr<MetricsScraper>> MetricsScraper::create(ScrapeSettings settings,
                                                               Clock& clock, ScrapeHooks hooks) {
  std::unique_ptr<MetricsScraper> scraper(
      new MetricsScraper(std::move(settings), clock, std::move(hooks)));
  RETURN_IF_ERROR(scraper->format_of(scraper->settings_.default_engine));
  ASSIGN_OR_RETURN(scraper->loop_, net::ScrapeLoop::create(scraper->settings_.client));
  return scraper;
}

Result<std::shared_ptr<const routing::MetricsFormat>> MetricsScraper::format_of(
    const std::string& engine) {
  const auto known = formats_.find(engine);
  if (known != formats_.end()) return known->second;
  std::optional<routing::MetricRules> rules;
  const auto given = settings_.engines.find(engine);
  if (given != settings_.engines.end()) {
    rules = given->second;
  } else {
    rules = routing::engine_metric_rules(engine);
  }
  if (!rules) return fail(ErrorCode::kInvalidArgument, "'{}' is no known engine", engine);
  rules->insert(rules->end(), settings_.extra_rules.begin(), settings_.extra_rules.end());
  ASSIGN_OR_RETURN(auto format, routing::MetricsFormat::create(*std::move(rules)));
  formats_.emplace(engine, format);
  return format;
}

void MetricsScraper::apply(const TableChange& change) {
  for (const TableEntry& entry : change.removed) {
    const auto target = targets_.extract(entry.slot.get());
    if (target) loop_->remove(target.mapped());
  }
  for (const TableEntry& entry : change.added) {
    const std::string engine = engine_of(entry.endpoint, settings_.default_engine);
    auto format = format_of(engine);
    if (!format) {
      obs::log().warn("an endpoint of an unknown engine is read as the default one",
                      {{"endpoint", entry.endpoint.name()}, {"engine", engine}});
      format = format_of(settings_.default_engine);
    }
    const auto id =
        loop_->add({.address = entry.endpoint.address,
                    .port = settings_.port == 0 ? entry.endpoint.port : settings_.port,
                    .path = settings_.path,
                    .interval = settings_.interval},
                   std::make_unique<Sink>(entry.slot, *std::move(format), clock_, hooks_));
    if (id) {
      targets_.emplace(entry.slot.get(), *id);
    } else {
      obs::log().warn("an endpoint is not scraped",
                      {{"endpoint", entry.endpoint.name()}, {"error", id.error().message}});
    }
  }
}

}  // namespace rage::picker
