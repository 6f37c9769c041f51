#include "workloads/foreign_crds.h"

#include <string>
#include <string_view>

#include "base/strings.h"

namespace rage::workloads {
namespace {

using codec::Json;

struct Row {
  const char* group;
  const char* versions;
  const char* kind;
  const char* plural;
  const char* short_names;
  const char* scope;
  const char* columns;
  const char* scale;  // Paths of replicas, of their status and of the selector; empty: no scale.
};

constexpr Row kRows[] = {
#include "workloads/data/foreign_crds.inc"
};

Json words(std::string_view text) {
  Json list = Json::array();
  for (const std::string_view word : split(text, ' ')) {
    if (!word.empty()) list.push_back(std::string(word));
  }
  return list;
}

Json columns_of(const Row& row) {
  Json columns = Json::array();
  for (const Json& word : words(row.columns)) {
    const std::string text = word.get<std::string>();
    const std::size_t first = text.find('=');
    const std::size_t second = text.find('=', first + 1);
    std::string name = text.substr(0, first);
    for (char& c : name) c = c == '_' ? ' ' : c;
    columns.push_back({{"name", name},
                       {"type", text.substr(first + 1, second - first - 1)},
                       {"jsonPath", text.substr(second + 1)}});
  }
  columns.push_back(
      {{"name", "Age"}, {"type", "date"}, {"jsonPath", ".metadata.creationTimestamp"}});
  return columns;
}

Json subresources_of(const Row& row) {
  Json subresources = {{"status", Json::object()}};
  const Json paths = words(row.scale);
  if (paths.size() == 3) {
    subresources["scale"] = {{"specReplicasPath", paths[0]},
                             {"statusReplicasPath", paths[1]},
                             {"labelSelectorPath", paths[2]}};
  }
  return subresources;
}

Json crd_of(const Row& row) {
  Json crd = {{"apiVersion", "apiextensions.k8s.io/v1"}, {"kind", "CustomResourceDefinition"}};
  crd["metadata"]["name"] = std::string(row.plural) + "." + row.group;
  Json versions = Json::array();
  for (const Json& name : words(row.versions)) {
    Json version = {{"name", name}, {"served", true}, {"storage", versions.empty()}};
    version["schema"]["openAPIV3Schema"] = {{"type", "object"},
                                            {"x-kubernetes-preserve-unknown-fields", true}};
    version["subresources"] = subresources_of(row);
    version["additionalPrinterColumns"] = columns_of(row);
    versions.push_back(std::move(version));
  }
  Json names = {{"kind", row.kind},
                {"listKind", std::string(row.kind) + "List"},
                {"plural", row.plural},
                {"singular", to_lower_ascii(row.kind)}};
  const Json short_names = words(row.short_names);
  if (!short_names.empty()) names["shortNames"] = short_names;
  Json spec = {{"group", row.group}, {"scope", row.scope}};
  spec["names"] = std::move(names);
  spec["versions"] = std::move(versions);
  crd["spec"] = std::move(spec);
  return crd;
}

}  // namespace

std::vector<Json> foreign_crds() {
  std::vector<Json> crds;
  for (const Row& row : kRows) crds.push_back(crd_of(row));
  return crds;
}

}  // namespace rage::workloads
