// Body-based routing of one request: fields of the body become headers that routes match on. The
// headers are answered as soon as the fields have been seen; the bytes go through untouched.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extproc/bbr_config.h"
#include "extproc/message.h"
#include "extproc/request_relay.h"
#include "extproc/response_relay.h"
#include "payload/field_scanner.h"

namespace rage::extproc {

// What a stream found out, for metrics. Called once a request, when it is decided.
struct BbrObserver {
  std::function<void()> on_success = [] {};  // At least one header was set.
  std::function<void(const std::string& field)> on_not_found = [](const std::string&) {};
  std::function<void(const std::string& field)> on_empty = [](const std::string&) {};
};

// See StreamMachine. `config` and `observer` outlive it.
// - A JSON body that is none, or is empty: 400. multipart/form-data: the form's field of that name.
//   gRPC and bodies that the proxy does not show: nothing is looked at.
// - A client's own header of a rule's name is replaced by what the body says, or removed if it says
//   nothing. Requests without body keep it: there is nothing that could contradict it.
// - A field that is given twice with different values: 400, before the end of the body is passed
//   on; model servers do not agree on which one counts.
class BbrStream final : public StreamMachine {
 public:
  BbrStream(const BbrConfig& config, std::shared_ptr<const AdapterMap> adapters,
            const BbrObserver& observer);

  Actions on_message(Message message, SteadyTime now) override;
  Actions on_pick(picker::PickOutcome outcome, SteadyTime now) override;
  Actions on_eviction(const picker::Refusal& refusal) override;
  std::optional<SteadyTime> deadline() const override { return deadline_; }
  Actions on_deadline(SteadyTime now) override;
  void on_gone() override { closed_ = true; }

 private:
  enum class Reading { kNothing, kJson, kForm };

  Actions dispatch(Message message);
  Actions on_request_headers(Message message);
  Actions on_request_body(Message message);
  Actions on_request_trailers();
  Actions on_response(Message message);
  // Looks at more of the body; `complete`: there is no more. An error is the client's.
  Result<void> look_at(std::string_view bytes, bool complete);
  Result<void> look_at_json(std::string_view bytes, bool complete);
  std::optional<std::string> value_of(const std::string& field) const;
  // Decides, lets go what is held, and appends to `actions`.
  void decide(Actions& actions);
  // kInvalidArgument: a value that no header can hold.
  Result<HeaderChanges> plan_headers();
  Actions refuse_client(int status, std::string code_name, std::string message);

  const BbrConfig& config_;
  const std::shared_ptr<const AdapterMap> adapters_;
  const BbrObserver& observer_;
  Protocol protocol_;
  RequestRelay request_;
  ResponseRelay response_;
  net::Headers headers_;  // Of the request, until it is decided.
  Reading reading_ = Reading::kNothing;
  std::unique_ptr<payload::FieldScanner> first_;  // Of a field given twice: the value that routes.
  std::unique_ptr<payload::FieldScanner> last_;   // Must be the same in the end.
  std::optional<std::string> form_model_;
  std::string held_;  // The body so far, until it is decided.
  std::size_t body_bytes_ = 0;
  bool body_complete_ = false;
  bool saw_headers_ = false;
  bool closed_ = false;
  std::optional<SteadyTime> deadline_;
};

}  // namespace rage::extproc
