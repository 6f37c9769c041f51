#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "picker/detail/exchange.h"

namespace rage::picker::detail {
namespace {

using routing::InFlight;
using Fields = std::vector<std::pair<std::string, std::string>>;

// What the suite of the Gateway API Inference Extension reads. Only what the gateway said: a
// gateway that says nothing must not pass.
void add_served(const ResponseHead& head, Fields& fields) {
  fields.emplace_back(
      "x-conformance-test-served-endpoint",
      head.served.empty() ? "fail: missing destination endpoint served metadata" : head.served);
}

class PlainExchange final : public Exchange {
 public:
  explicit PlainExchange(bool report_served) : report_served_(report_served) {}
  Fields on_response_headers(const ResponseHead& head) override {
    Fields fields;
    if (report_served_) add_served(head, fields);
    return fields;
  }
  std::string on_response_body(std::string_view bytes, bool) override { return std::string(bytes); }
  void finish(Completion) override {}
  bool wants_response_body() const override { return false; }
  void on_eviction(std::function<void(Refusal)>) override {}

 private:
  const bool report_served_;
};

class TrackedExchange final : public Exchange {
 public:
  TrackedExchange(std::shared_ptr<Core> core, ExchangeSpec spec)
      : core_(std::move(core)), spec_(std::move(spec)) {
    spec_.series->running.add(1);
    if (core_->options.eviction && spec_.labels.priority < 0) {
      eviction_id_ = core_->in_flight.add(spec_.labels.priority, core_->clock.now());
    }
  }

  ~TrackedExchange() override { finish(Completion::kClientDisconnect); }

  Fields on_response_headers(const ResponseHead& head) override {
    status_ = head.status;
    const bool events =
        to_lower_ascii(head.headers.find("content-type")).starts_with("text/event-stream");
    streaming_ = events || spec_.streaming;
    move_to(head.served);
    if (!finished_ && spec_.read_body) {
      payload::ResponseReaderOptions options{.event_stream = events};
      if (may_change_body()) {
        options.served_model = spec_.served_model;
        options.client_model = spec_.client_model;
      }
      reader_ = payload::ResponseReader::create(std::move(options));
    }
    Fields fields = spec_.response_headers;
    if (spec_.report_served) add_served(head, fields);
    return fields;
  }

  std::string on_response_body(std::string_view bytes, bool end) override {
    if (!bytes.empty()) on_bytes(bytes.size());
    std::string passed = reader_ ? reader_->push(bytes, end) : std::string(bytes);
    if (end) finish(Completion::kNormal);
    return passed;
  }

  void finish(Completion how) override {
    if (std::exchange(finished_, true)) return;
    for (Charge& charge : spec_.charges) release(charge, charge.load);
    if (eviction_id_) core_->in_flight.remove(*eviction_id_, core_->clock.now());
    record(how);
    core_->on_capacity();
  }

  bool wants_response_body() const override { return spec_.read_body; }
  bool may_change_body() const override {
    return spec_.read_body && !spec_.client_model.empty() &&
           spec_.client_model != spec_.served_model;
  }

  void on_eviction(std::function<void(Refusal)> evicted) override {
    if (eviction_id_) core_->in_flight.on_eviction(*eviction_id_, std::move(evicted));
  }

 private:
  void release(Charge& charge, InFlight load) {
    charge.slot->release(load);
    core_->charged.fetch_sub(load.requests);
    charge.load.requests -= load.requests;
    charge.load.tokens -= load.tokens;
  }

  // Somebody retried: the request is in flight there, not here.
  void move_to(const std::string& served) {
    if (served.empty() || served == spec_.destination || spec_.charges.empty() || finished_) return;
    auto slot = core_->table.find(served);
    if (!slot) return;
    Charge& charge = spec_.charges.front();
    slot->charge(charge.load);
    charge.slot->release(charge.load);
    charge.slot = std::move(slot);
    core_->on_capacity();
  }

  void on_bytes(std::size_t bytes) {
    const SteadyTime now = core_->clock.now();
    response_bytes_ += bytes;
    if (!first_bytes_at_) {
      first_bytes_at_ = now;
      const auto& ttft =
          streaming_ ? spec_.series->streaming_ttft_seconds : spec_.series->ttft_seconds;
      ttft.observe(seconds_of(now - spec_.arrived_at));
      release_prompt();
    } else if (streaming_) {
      spec_.series->streaming_itl_seconds.observe(seconds_of(now - last_bytes_at_));
    }
    last_bytes_at_ = now;
  }

  // The prompt is computed once something comes out.
  void release_prompt() {
    bool released = false;
    for (Charge& charge : spec_.charges) {
      const InFlight load = std::exchange(charge.until_first_bytes, {});
      if (load == InFlight{}) continue;
      release(charge, load);
      released = true;
    }
    if (released) core_->on_capacity();
  }

  void record(Completion how) {
    const RequestSeries& series = *spec_.series;
    series.running.add(-1);
    const SteadyTime now = core_->clock.now();
    const double took = seconds_of(now - spec_.arrived_at);
    series.duration_seconds.observe(took);
    if (response_bytes_ > 0) series.response_bytes.observe(static_cast<double>(response_bytes_));
    if (const auto code = error_code(how)) core_->metrics.count_error(spec_.labels, *code);
    if (reader_ && reader_->usage()) record_usage(*reader_->usage(), took);
  }

  void record_usage(const payload::Usage& usage, double took) {
    const RequestSeries& series = *spec_.series;
    const double output = static_cast<double>(usage.completion_tokens);
    series.input_tokens.observe(static_cast<double>(usage.prompt_tokens));
    series.output_tokens.observe(output);
    series.cached_tokens.observe(static_cast<double>(usage.cached_tokens));
    if (usage.completion_tokens > 0) series.ntpot_seconds.observe(took / output);
    if (streaming_ && usage.completion_tokens > 1 && first_bytes_at_) {
      series.streaming_tpot_seconds.observe(seconds_of(last_bytes_at_ - *first_bytes_at_) /
                                            (output - 1));
    }
    if (!core_->admission) return;
    core_->admission->visit([&](routing::FlowController& flow) {
      flow.add_service({.fairness_id = spec_.labels.fairness_id, .priority = spec_.labels.priority},
                       usage.prompt_tokens, usage.completion_tokens, core_->clock.now());
    });
  }

  std::optional<std::string_view> error_code(Completion how) const {
    switch (how) {
      case Completion::kNormal:
        if (status_ >= 400) return "ModelServerError";
        return std::nullopt;
      case Completion::kClientDisconnect:
        return "ClientDisconnect";
      case Completion::kEvicted:
        return "Evicted";
      case Completion::kError:
        return "ModelServerError";
    }
    return std::nullopt;
  }

  const std::shared_ptr<Core> core_;
  ExchangeSpec spec_;
  std::unique_ptr<payload::ResponseReader> reader_;
  std::optional<std::uint64_t> eviction_id_;
  bool finished_ = false;
  bool streaming_ = false;
  int status_ = 0;
  std::uint64_t response_bytes_ = 0;
  std::optional<SteadyTime> first_bytes_at_;
  SteadyTime last_bytes_at_;
};

}  // namespace

std::shared_ptr<Exchange> make_exchange(std::shared_ptr<Core> core, ExchangeSpec spec) {
  return std::make_shared<TrackedExchange>(std::move(core), std::move(spec));
}

std::shared_ptr<Exchange> make_plain_exchange(bool report_served) {
  return std::make_shared<PlainExchange>(report_served);
}

}  // namespace rage::picker::detail
