// A picked request until its end: what it holds of the pool is given back once, and what its reply
// says is counted.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "payload/response_reader.h"
#include "picker/detail/core.h"
#include "picker/endpoint_picker.h"
#include "routing/scheduler.h"

namespace rage::picker::detail {

inline double seconds_of(SteadyTime::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// What an endpoint was charged for one request.
struct Charge {
  std::shared_ptr<EndpointSlot> slot;
  routing::InFlight load;
  // What goes back when the first bytes come: the prompt's tokens, or all of it, since a prefill
  // has ended when decoding shows.
  routing::InFlight until_first_bytes = {};
};

struct ExchangeSpec {
  RequestLabels labels;
  const RequestSeries* series = nullptr;
  std::vector<Charge> charges;  // Charged already; the first is the destination's.
  std::string destination;      // "ip:port"
  std::vector<std::pair<std::string, std::string>> response_headers;
  std::string client_model;
  std::string served_model;  // Differs from client_model: put back.
  bool streaming = false;    // The client asked for a stream.
  bool read_body = true;
  bool report_served = false;  // See DirectorOptions.
  SteadyTime arrived_at;
  std::uint64_t request_bytes = 0;
};

// `spec.series` gets one more running request.
std::shared_ptr<Exchange> make_exchange(std::shared_ptr<Core> core, ExchangeSpec spec);
// Of a request without body: nothing is held, nothing is counted.
std::shared_ptr<Exchange> make_plain_exchange(bool report_served);

}  // namespace rage::picker::detail
