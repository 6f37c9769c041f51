// Another picker, each pick of which is a span of the request's trace.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "obs/tracer.h"
#include "picker/endpoint_picker.h"

namespace rage::picker {

// Resource. Thread-safe. `picker` and `tracer` outlive it and all its tickets. The endpoint is told
// in `traceparent` that the pick is who asks: its spans hang below.
class TracedPicker final : public EndpointPicker {
 public:
  TracedPicker(EndpointPicker& picker, const obs::Tracer& tracer)
      : picker_(picker), tracer_(tracer) {}

  std::unique_ptr<PickTicket> pick(PickRequest request,
                                   std::function<void(PickOutcome)> done) override;
  bool ready() const override { return picker_.ready(); }
  void begin_drain() override { picker_.begin_drain(); }
  std::string debug_state() const override { return picker_.debug_state(); }

 private:
  EndpointPicker& picker_;
  const obs::Tracer& tracer_;
};

}  // namespace rage::picker
