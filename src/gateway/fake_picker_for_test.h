// A picker that does what a test says and remembers what it saw.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "picker/endpoint_picker.h"

namespace rage::gateway {

// What happened to one picked request.
struct ExchangeRecord {
  picker::ResponseHead head;
  std::string body;
  bool body_ended = false;
  std::vector<picker::Completion> finished;
  std::function<void(picker::Refusal)> evict;
};

class FakeExchange final : public picker::Exchange {
 public:
  explicit FakeExchange(std::shared_ptr<Guarded<ExchangeRecord>> record)
      : record_(std::move(record)) {}
  std::vector<std::pair<std::string, std::string>> response_headers;
  std::function<std::string(std::string_view, bool)> transform;

  std::vector<std::pair<std::string, std::string>> on_response_headers(
      const picker::ResponseHead& head) override {
    record_->with([&](auto& record) { record.head = head; });
    return response_headers;
  }
  std::string on_response_body(std::string_view bytes, bool end) override {
    record_->with([&](auto& record) {
      record.body += bytes;
      record.body_ended = end;
    });
    return transform ? transform(bytes, end) : std::string(bytes);
  }
  void finish(picker::Completion how) override {
    record_->with([&](auto& record) { record.finished.push_back(how); });
  }
  bool wants_response_body() const override { return true; }
  void on_eviction(std::function<void(picker::Refusal)> evicted) override {
    record_->with([&](auto& record) { record.evict = std::move(evicted); });
  }

 private:
  const std::shared_ptr<Guarded<ExchangeRecord>> record_;
};

// Thread-safe.
class FakePicker final : public picker::EndpointPicker {
 public:
  using Decide = std::function<picker::PickOutcome(const picker::PickRequest&)>;
  explicit FakePicker(Decide decide) : decide_(std::move(decide)) {}

  bool later = false;  // Answers on a thread of its own.
  bool never = false;
  bool is_ready = true;
  Guarded<std::vector<picker::PickRequest>> requests;
  std::atomic<int> cancelled = 0;

  std::unique_ptr<picker::PickTicket> pick(picker::PickRequest request,
                                           std::function<void(picker::PickOutcome)> done) override {
    requests.with([&](auto& all) { all.push_back(request); });
    if (never) return std::make_unique<Ticket>(*this, std::jthread());
    if (!later) {
      done(decide_(request));
      return std::make_unique<Ticket>(*this, std::jthread());
    }
    return std::make_unique<Ticket>(
        *this, std::jthread([this, request, done = std::move(done)] { done(decide_(request)); }));
  }
  bool ready() const override { return is_ready; }
  void begin_drain() override {}

 private:
  class Ticket final : public picker::PickTicket {
   public:
    Ticket(FakePicker& picker, std::jthread thread) : picker_(picker), thread_(std::move(thread)) {}
    void cancel() override {
      ++picker_.cancelled;
      if (thread_.joinable()) thread_.join();
    }

   private:
    FakePicker& picker_;
    std::jthread thread_;
  };
  const Decide decide_;
};

}  // namespace rage::gateway
