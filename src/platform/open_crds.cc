#include "platform/open_crds.h"

#include "base/strings.h"

namespace rage::platform {
namespace {

Json open_schema() {
  const Json open = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  return {{"type", "object"},
          {"properties", {{"spec", open}, {"status", open}}},
          {"x-kubernetes-preserve-unknown-fields", true}};
}

Json version_of(const OpenKind& kind, const std::string& version, bool stored) {
  Json columns = Json::array();
  for (const OpenColumn& column : kind.columns) {
    columns.push_back({{"name", column.name}, {"type", "string"}, {"jsonPath", column.json_path}});
  }
  columns.push_back(
      {{"name", "Age"}, {"type", "date"}, {"jsonPath", ".metadata.creationTimestamp"}});
  return {{"name", version},
          {"served", true},
          {"storage", stored},
          {"schema", {{"openAPIV3Schema", open_schema()}}},
          {"subresources", {{"status", Json::object()}}},
          {"additionalPrinterColumns", std::move(columns)}};
}

const std::vector<OpenKind>& kinds() {
  static const std::string gateway = "gateway.networking.k8s.io";
  static const OpenColumn accepted = {"Accepted",
                                      ".status.conditions[?(@.type==\"Accepted\")].status"};
  static const std::vector<OpenKind> all = {
      {gateway,
       {"v1", "v1beta1"},
       "GatewayClass",
       "gatewayclasses",
       false,
       {"gc"},
       {{"Controller", ".spec.controllerName"}, accepted}},
      {gateway,
       {"v1", "v1beta1"},
       "Gateway",
       "gateways",
       true,
       {"gtw"},
       {{"Class", ".spec.gatewayClassName"},
        {"Address", ".status.addresses[*].value"},
        {"Programmed", ".status.conditions[?(@.type==\"Programmed\")].status"}}},
      {gateway,
       {"v1", "v1beta1"},
       "HTTPRoute",
       "httproutes",
       true,
       {},
       {{"Hostnames", ".spec.hostnames"}}},
      {gateway, {"v1"}, "GRPCRoute", "grpcroutes", true, {}, {{"Hostnames", ".spec.hostnames"}}},
      {gateway, {"v1beta1"}, "ReferenceGrant", "referencegrants", true, {"refgrant"}},
      {"inference.networking.k8s.io", {"v1"}, "InferencePool", "inferencepools", true, {"infpool"}},
      {"llm-d.ai", {"v1alpha2"}, "InferenceObjective", "inferenceobjectives", true, {}},
      {"llm-d.ai", {"v1alpha2"}, "InferenceModelRewrite", "inferencemodelrewrites", true, {}},
  };
  return all;
}

}  // namespace

Json open_crd(const OpenKind& kind) {
  Json versions = Json::array();
  for (const std::string& version : kind.versions) {
    versions.push_back(version_of(kind, version, versions.empty()));
  }
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", kind.plural + "." + kind.group}}},
          {"spec",
           {{"group", kind.group},
            {"scope", kind.namespaced ? "Namespaced" : "Cluster"},
            {"names",
             {{"kind", kind.kind},
              {"listKind", kind.kind + "List"},
              {"plural", kind.plural},
              {"singular", to_lower_ascii(kind.kind)},
              {"shortNames", kind.short_names}}},
            {"versions", std::move(versions)}}}};
}

std::vector<Json> open_crds() {
  std::vector<Json> crds;
  for (const OpenKind& kind : kinds()) crds.push_back(open_crd(kind));
  return crds;
}

}  // namespace rage::platform
