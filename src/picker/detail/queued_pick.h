// A request that asked flow control for admission, from both sides: what happens to it when it is
// decided, and what its client holds meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "picker/detail/core.h"
#include "picker/detail/prepare.h"
#include "picker/endpoint_picker.h"

namespace rage::picker::detail {

using Done = std::function<void(PickOutcome)>;

// Counts what came of a request, and tells.
void answer(Core& core, const Done& done, PickOutcome outcome, const RequestLabels& labels,
            SteadyTime arrived_at);

// `core` has flow control.
std::unique_ptr<PickTicket> enqueue(std::shared_ptr<Core> core, Prepared prepared, Done done);

// Of a request that is decided already.
std::unique_ptr<PickTicket> finished_ticket();

}  // namespace rage::picker::detail
