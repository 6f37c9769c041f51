// What an API server does to an object on the way in: takes out what its schema does not know,
// fills in defaults, and says what is wrong, in Kubernetes' words. CEL rules are not run here.
#pragma once

#include <string>
#include <vector>

#include "kubeobjects/schema_view.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects {

enum class SchemaOrigin {
  kCustom,   // A CRD's: what is refused is "invalid".
  kBuiltin,  // Compiled into Kubernetes: a wrong type cannot be decoded; empty values are left out.
};

struct Checked {
  std::vector<Cause> causes;                // At most 20.
  std::vector<std::string> unknown_fields;  // Taken out: "spec.foo". At most 20.
  // A value of a type that a built-in kind cannot have: "json: cannot unmarshal number into Go
  // struct field ConfigMap.data of type string". Empty: none.
  std::string undecodable;
};

// Changes `document`, bounded by its size. `metadata` is an ObjectMeta whatever the schema says.
Checked check_document(const SchemaView& schema, SchemaOrigin origin, Json& document);

}  // namespace rage::kubeobjects
