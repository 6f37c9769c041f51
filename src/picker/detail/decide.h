// Where a request goes, once it may go: the candidates, the schedule, what is charged for it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "picker/detail/core.h"
#include "picker/detail/prepare.h"
#include "picker/endpoint_picker.h"

namespace rage::picker::detail {

// Which endpoints a request may go to, and where they stand in the view.
class Candidates final {
 public:
  Candidates(std::span<const routing::Endpoint> all,
             const std::optional<std::vector<std::string>>& subset);
  std::span<const routing::Endpoint> endpoints() const {
    return filtered_ ? std::span<const routing::Endpoint>(chosen_) : all_;
  }
  std::size_t index(std::size_t candidate) const {
    return filtered_ ? indexes_[candidate] : candidate;
  }

 private:
  std::span<const routing::Endpoint> all_;
  bool filtered_;
  std::vector<std::size_t> indexes_;
  std::vector<routing::Endpoint> chosen_;
};

// Admitted: charges the endpoints and makes the exchange, or says why not.
PickOutcome decide(const std::shared_ptr<Core>& core, Prepared& prepared);
// Without flow control: what a full pool turns away.
std::optional<Refusal> refuse_sheddable(const Core& core, const Prepared& prepared);
// A request without body: any endpoint.
PickOutcome pick_any(Core& core, const PickRequest& request);

PickOutcome refused(Refusal refusal);

}  // namespace rage::picker::detail
