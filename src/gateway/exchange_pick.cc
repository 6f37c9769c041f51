// InferencePools: the model, the endpoint, and what happens when there is none to be had.
#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "gateway/detail/exchange.h"
#include "gateway/detail/model_name.h"

namespace rage::gateway::detail {
namespace {

// Where a picker's answer arrives that may come before pick() has returned.
struct PickSlot {
  const std::thread::id owner = std::this_thread::get_id();
  bool picking = true;  // The owner's thread only.
  std::optional<picker::PickOutcome> outcome;
};

ResponseHead head_of(const picker::Refusal& refusal) {
  ResponseHead head{.status = refusal.status};
  head.headers.add("content-type", "text/plain");
  if (!refusal.dropped_reason.empty()) {
    head.headers.add("x-llm-d-request-dropped-reason", refusal.dropped_reason);
  }
  if (refusal.retry_after) {
    head.headers.add("retry-after", std::to_string(refusal.retry_after->count()));
  }
  return head;
}

}  // namespace

// Routes match on the model that the body names, whatever the client says in a header.
void Exchange::note_model() {
  const auto type = head_.headers.find("content-type").value_or("");
  model_ = find_model_name(head_.target, type, *held_);
  head_.headers.remove("x-gateway-model-name");
  if (!model_.empty()) head_.headers.add("x-gateway-model-name", model_);
}

void Exchange::to_pool() {
  const auto found = snapshot_->pools.find(backend_->object);
  if (found == snapshot_->pools.end()) {
    return reply(500, fmt::format("the InferencePool {}/{} does not exist",
                                  backend_->object.name_space, backend_->object.name));
  }
  pool_ = &found->second;
  h2c_ = pool_->h2c;
  if (!pool_->picker || !pool_->picker->ready()) return fail_open("no endpoint picker is ready");
  pick(std::nullopt);
}

void Exchange::pick(std::optional<std::vector<std::string>> subset) {
  if (trace_) trace_->begin_pick(head_);
  picker::PickRequest request{
      .method = head_.method, .path = head_.target, .body = held_, .subset = std::move(subset)};
  for (std::size_t i = 0; i < head_.headers.size(); ++i) {
    request.headers.add(head_.headers.name(i), head_.headers.value(i));
  }
  picking_ = true;
  auto slot = std::make_shared<PickSlot>();
  auto done = [slot, loop = &worker_.loop, self = weak_from_this()](picker::PickOutcome outcome) {
    if (std::this_thread::get_id() == slot->owner && slot->picking) {
      slot->outcome = std::move(outcome);
      return;
    }
    loop->post([self, outcome = std::move(outcome)] {
      if (const auto exchange = self.lock()) exchange->on_pick(outcome);
    });
  };
  ticket_ = pool_->picker->pick(std::move(request), std::move(done));
  slot->picking = false;
  if (slot->outcome) return on_pick(*std::move(slot->outcome));
  arm_attempt_timer(worker_.options.pick_timeout);
}

void Exchange::on_pick(picker::PickOutcome outcome) {
  if (!std::exchange(picking_, false)) return;  // Too late: it was given up.
  ticket_.reset();
  if (attempt_timer_) attempt_timer_->cancel();
  if (outcome.pick) return take_pick(*std::move(outcome.pick));
  const picker::Refusal refusal = outcome.refusal.value_or(picker::Refusal{});
  // Not the picker's verdict, but its absence.
  if (refusal.code_name == kPickerUnavailable) return fail_open(refusal.message);
  refuse(refusal);
}

void Exchange::take_pick(picker::Pick pick) {
  destinations_.clear();
  destination_ = 0;
  for (const std::string& text : pick.destinations) {
    if (const auto address = net::Address::parse(text)) destinations_.push_back(*address);
  }
  named_.insert(named_.end(), destinations_.begin(), destinations_.end());
  picked_ = std::move(pick.exchange);
  if (trace_) trace_->end_pick(destinations_.empty() ? "" : destinations_.front().text());
  if (destinations_.empty()) {
    return reply(502, "the endpoint picker named no usable address");
  }
  worker_.metrics.picks.add();
  for (const auto& [name, value] : pick.request_headers) head_.headers.set(name, value);
  if (!pick.model.empty()) model_ = pick.model;
  if (pick.body) {
    held_ = std::make_shared<const std::string>(*std::move(pick.body));
    body_rewritten_ = true;
  }
  if (picked_) {
    picked_->on_eviction([loop = &worker_.loop, self = weak_from_this(),
                          mine = picked_.get()](picker::Refusal refusal) {
      loop->post([self, mine, refusal = std::move(refusal)] {
        const auto exchange = self.lock();
        if (exchange && exchange->picked_.get() == mine) exchange->on_evicted(refusal);
      });
    });
  }
  attempt(UpstreamPool::Reuse::kAllowed);
}

void Exchange::refuse(const picker::Refusal& refusal) {
  if (trace_) trace_->fail_pick(refusal.code_name);
  worker_.metrics.picks_refused.add();
  reply(head_of(refusal), refusal.text());
}

// The body is still ours, so any endpoint will do.
void Exchange::fail_open(std::string_view why) {
  if (trace_) trace_->fail_pick("picker_unavailable");
  if (!pool_->fail_open) {
    return refuse({.status = 503, .code_name = "ServiceUnavailable", .message = std::string(why)});
  }
  if (pool_->endpoints.empty()) {
    return refuse({.status = 503,
                   .code_name = "ServiceUnavailable",
                   .message = "the pool has no ready endpoint",
                   .dropped_reason = "rejected-no-endpoints"});
  }
  worker_.metrics.picks_failed_open.add();
  destinations_ = pool_->endpoints;
  destination_ = 0;
  std::rotate(
      destinations_.begin(),
      destinations_.begin() + static_cast<std::ptrdiff_t>(worker_.random() % destinations_.size()),
      destinations_.end());
  attempt(UpstreamPool::Reuse::kAllowed);
}

std::vector<net::Address> Exchange::unnamed() const {
  std::vector<net::Address> others;
  if (pool_ == nullptr || !picked_) return others;
  for (const net::Address& address : pool_->endpoints) {
    if (std::ranges::find(named_, address) == named_.end()) others.push_back(address);
  }
  return others;
}

void Exchange::pick_again() {
  repick_ = false;
  std::vector<std::string> others;
  for (const net::Address& address : unnamed()) others.push_back(address.text());
  std::exchange(picked_, nullptr)->finish(picker::Completion::kError);
  pick(std::move(others));
}

void Exchange::on_evicted(const picker::Refusal& refusal) {
  if (done_) return;
  picked_->finish(picker::Completion::kEvicted);
  replying_ ? abort() : refuse(refusal);
}

}  // namespace rage::gateway::detail
