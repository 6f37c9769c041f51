// CustomResourceDefinitions of kinds that others define and the platform serves: Gateway API, the
// inference extension. Open: every field is kept and none is checked, so that manifests
// written for the real ones apply unchanged; who needs the checks applies the real CRDs over these.
#pragma once

#include <string>
#include <vector>

#include "codec/json.h"

namespace rage::platform {

using codec::Json;

struct OpenColumn {
  std::string name;
  std::string json_path;
};

struct OpenKind {
  std::string group;
  std::vector<std::string> versions;  // All served; the first is stored.
  std::string kind;
  std::string plural;
  bool namespaced = true;
  std::vector<std::string> short_names = {};
  std::vector<OpenColumn> columns = {};  // Before the age.
};

Json open_crd(const OpenKind& kind);

// GatewayClass, Gateway, HTTPRoute, GRPCRoute, ReferenceGrant; InferencePool, InferenceObjective,
// InferenceModelRewrite.
std::vector<Json> open_crds();

}  // namespace rage::platform
