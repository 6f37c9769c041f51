// Every way a request is turned away, with the texts and codes that clients of llm-d's picker see
// (Envoy ext_proc, ImmediateResponse). Pure.
#pragma once

#include <string>

#include "base/error.h"
#include "picker/endpoint_picker.h"
#include "routing/flow_control.h"

namespace rage::picker::detail {

Refusal bad_request(std::string message);             // 400
Refusal model_missing();                              // 400
Refusal not_available();                              // 412: Prefer: if-available
Refusal no_pods();                                    // 500: no body, and the pool is empty
Refusal no_candidates();                              // 503 rejected-no-endpoints
Refusal saturated(std::chrono::seconds retry_after);  // 429 rejected-saturated
Refusal shutting_down();                              // 503 rejected-shutting-down
Refusal evicted(std::chrono::seconds retry_after);    // 429 evicted: a better one needs the place
Refusal internal(std::string message);                // 500

// What a failed schedule() is to the client: filters removed all (429), a wrong wish (400), no
// candidates (503), else 429 as upstream does.
Refusal of_schedule(const Error& error, std::chrono::seconds retry_after);

// What a decision other than kDispatched is to the client.
Refusal of_flow(const routing::FlowDecision& decision, bool pool_empty,
                std::chrono::seconds retry_after);

}  // namespace rage::picker::detail
