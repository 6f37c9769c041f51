// What is known of models outside the catalogue, and what has to be asked next. Pure: time comes
// in, questions and answers go out; ModelFacts does the asking.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "operator/model_facts.h"

namespace rage::op::detail {

// Which token a question is asked with: a hash of it, "" without one, or, if the Secret cannot be
// read, a text of its own for that Secret.
using CredentialId = std::string;

class ModelTable final {
 public:
  explicit ModelTable(const ModelFactsOptions& options) : options_(options) {}

  // Puts the question into the queue, and `who` among those who wait, unless it has a fresh answer.
  ModelAnswer find(const ModelQuestion& question, const apis::ObjectKey& who, SteadyTime now);
  // The oldest question; it is being asked until settle().
  std::optional<ModelQuestion> next();
  // The question has this credential; true if there is a fresh answer for it already.
  bool has_fresh(const ModelQuestion& question, const CredentialId& credential,
                 SteadyTime now) const;
  // Keeps the answer, or with none the one that is there; returns who waits for it.
  std::set<apis::ObjectKey> settle(const ModelQuestion& question, const CredentialId& credential,
                                   std::optional<ModelAnswer> answer, SteadyTime now);

  std::size_t queued() const { return queue_.size(); }

 private:
  // Model (its case does not matter to the hub), revision, credential.
  using Key = std::tuple<std::string, std::string, CredentialId>;
  struct Entry {
    ModelAnswer answer;
    SteadyTime expires;
    int failures = 0;
  };
  struct Credential {
    CredentialId id;
    SteadyTime expires;
  };

  static Key key_of(const ModelQuestion& question, const CredentialId& credential);
  const Credential* credential_of(const ModelQuestion& question) const;
  void keep(const Key& key, ModelAnswer answer, SteadyTime now);
  void make_room();

  const ModelFactsOptions options_;
  std::map<Key, Entry> entries_;
  std::map<apis::ObjectKey, Credential> credentials_;
  std::deque<ModelQuestion> queue_;
  std::map<ModelQuestion, std::set<apis::ObjectKey>> waiting_;  // Queued or being asked.
};

}  // namespace rage::op::detail
