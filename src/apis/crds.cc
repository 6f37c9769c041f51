#include "apis/crds.h"

#include "apis/schema.h"

namespace rage::apis {
namespace {

Json render_columns(const std::vector<Column>& columns) {
  Json list = Json::array();
  for (const Column& column : columns) {
    Json item = Json::object();
    item["name"] = column.name;
    item["type"] = column.type;
    item["jsonPath"] = column.path;
    if (column.priority != 0) item["priority"] = column.priority;
    list.push_back(std::move(item));
  }
  return list;
}

Json render_subresources(const KindDescription& kind) {
  Json json = Json::object();
  json["status"] = Json::object();
  if (kind.scale) {
    Json& scale = json["scale"] = Json::object();
    scale["specReplicasPath"] = ".spec.replicas";
    scale["statusReplicasPath"] = ".status.replicas";
    scale["labelSelectorPath"] = ".status.selector";
  }
  return json;
}

Json render_versions(const KindDescription& kind) {
  Json list = Json::array();
  for (const VersionDescription& version : kind.versions) {
    Json item = Json::object();
    item["name"] = version.name;
    item["served"] = true;
    item["storage"] = &version == &kind.versions.back();
    if (!version.deprecation.empty()) {
      item["deprecated"] = true;
      item["deprecationWarning"] = version.deprecation;
    }
    item["additionalPrinterColumns"] = render_columns(version.columns);
    item["subresources"] = render_subresources(kind);
    item["schema"] = Json::object();
    item["schema"]["openAPIV3Schema"] = version.schema.json();
    list.push_back(std::move(item));
  }
  return list;
}

Json render_names(const KindDescription& kind) {
  Json names = Json::object();
  names["kind"] = kind.type.kind;
  names["listKind"] = kind.type.kind + "List";
  names["plural"] = kind.type.plural;
  names["singular"] = kind.singular;
  if (!kind.short_names.empty()) names["shortNames"] = kind.short_names;
  if (!kind.categories.empty()) names["categories"] = kind.categories;
  return names;
}

Json render_conversion(const CrdOptions& options) {
  Json service = Json::object();
  service["name"] = options.webhook_service_name;
  service["namespace"] = options.webhook_service_namespace;
  service["path"] = "/convert";
  service["port"] = options.webhook_service_port;
  Json client = Json::object();
  client["service"] = std::move(service);
  if (!options.ca_bundle_base64.empty()) client["caBundle"] = options.ca_bundle_base64;
  Json conversion = Json::object();
  conversion["strategy"] = "Webhook";
  conversion["webhook"] = Json::object();
  conversion["webhook"]["clientConfig"] = std::move(client);
  conversion["webhook"]["conversionReviewVersions"] = Json::array({"v1"});
  return conversion;
}

}  // namespace

std::vector<Json> render_crds(const CrdOptions& options) {
  std::vector<Json> crds;
  for (const KindDescription& kind : kind_descriptions()) {
    Json crd = Json::object();
    crd["apiVersion"] = "apiextensions.k8s.io/v1";
    crd["kind"] = "CustomResourceDefinition";
    crd["metadata"] = Json::object();
    crd["metadata"]["name"] = kind.type.plural + "." + kind.type.group;
    Json& spec = crd["spec"] = Json::object();
    spec["group"] = kind.type.group;
    spec["scope"] = kind.type.namespaced ? "Namespaced" : "Cluster";
    spec["names"] = render_names(kind);
    // A kind with one version has nothing to convert.
    if (options.conversion_webhook && kind.versions.size() > 1) {
      spec["conversion"] = render_conversion(options);
    }
    spec["versions"] = render_versions(kind);
    crds.push_back(std::move(crd));
  }
  return crds;
}

}  // namespace rage::apis
