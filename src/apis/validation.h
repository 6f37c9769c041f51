// Admission rules that neither a schema nor CEL can say. Pure and offline: no network, no cluster
// reads; bounded by the size of the document. Status writes and finalizer removal are never
// refused.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apis/meta.h"

namespace rage::apis {

enum class Provisioner { kAzureGpu, kKarpenter, kByo };

struct ValidationSettings {
  Provisioner provisioner = Provisioner::kAzureGpu;
  bool mig = false;
  bool accelerator = false;
  bool vllm = true;
  std::vector<std::string> node_classes;  // Allow-list; Karpenter only.
};

// "missing field(s): a.b", "invalid value: X: path", ... as upstream words them.
struct Violation {
  std::string path;
  std::string message;
};

struct Verdict {
  std::vector<Violation> violations;  // Empty: admitted.
  std::vector<std::string> warnings;  // Shown by kubectl.
  // "validation failed: " and the violations, one a line.
  std::string message() const;
};

// `old_document` null: create. Any of our kinds, either version; v1alpha1 is judged by what it says
// in v1beta1. Unknown fields are not looked at: the schema prunes them. A document of another kind
// is admitted. Rules that need the catalogue or the cluster are the caller's.
Verdict validate(const Json& document, const Json& old_document,
                 const ValidationSettings& settings);

}  // namespace rage::apis
