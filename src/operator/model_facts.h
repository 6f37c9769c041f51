// Models that are not in the catalogue, as the Hugging Face hub describes them: looked up in the
// background, so that no reconcile waits for a network.
//
// What is found for one token is never shown to whoever does not have it: answers are kept by
// model, revision and hash of the token. Tokens themselves are not kept.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "apis/workspace.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "catalog/catalog.h"
#include "kube/client.h"
#include "net/http_client.h"

namespace rage::op {

struct ModelFactsOptions {
  std::string endpoint = "https://huggingface.co";
  std::size_t queue_max = 1'000;     // Past that, a question is told to come again.
  std::size_t answers_max = 10'000;  // Past that, those that expire first go.
  std::chrono::milliseconds lookup_timeout{30'000};
  std::chrono::seconds keep{24 * 3600};  // What the hub said.
  std::chrono::seconds keep_token{600};  // Which token a Secret holds, as a hash.
  std::chrono::seconds retry_first{30};  // After a failure; doubles up to the next.
  std::chrono::seconds retry_max{1'800};
};

struct ModelQuestion {
  std::string model;              // "org/name", as the user wrote it.
  std::string revision = "main";  // Branch, tag or commit.
  apis::ObjectKey secret = {};    // With the key HF_TOKEN; no name: asked without a token.

  auto operator<=>(const ModelQuestion&) const = default;
};

struct HubModel {
  catalog::Model model;
  std::string commit;  // Of what was described: a revision that does not move.
};

// The hub has said neither yes nor no: kUnavailable, "is being looked up". What it said no for, and
// what a person can do about it, otherwise; retry_after is when it is asked again.
using ModelAnswer = Result<HubModel>;

// Resource. Thread-safe. Owns one thread between start() and stop(). References outlive it.
class ModelFacts final {
 public:
  ModelFacts(net::HttpTransport& transport, kube::KubeClient& client, Clock& clock,
             ModelFactsOptions options);
  ~ModelFacts();  // Stops.

  // `wake` hears, on the thread, of everybody who asked and can be answered now.
  void start(std::function<void(const apis::ObjectKey&)> wake);
  void stop();  // Idempotent; joins.

  // At once, from what is known; asks the hub if that is nothing or old, and wakes `who` then.
  ModelAnswer find(const ModelQuestion& question, const apis::ObjectKey& who);

  // What the thread does with one question; false if there is none.
  bool answer_one_for_test(const Context& context);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

// The preset's model and credential, if the catalogue does not know it.
std::optional<ModelQuestion> model_question(const apis::Workspace& workspace);

}  // namespace rage::op
