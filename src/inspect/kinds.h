// What kinds a server has, and what a person calls them: "pods", "po", "Workspace",
// "deployments.apps". Source: Kubernetes, aggregated discovery (apidiscovery.k8s.io/v2).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apis/meta.h"
#include "base/context.h"
#include "base/error.h"
#include "kube/client.h"

namespace rage::inspect {

// Value.
struct KindInfo {
  apis::ResourceType type;
  std::string singular;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
};

// Value. In the server's order: where a name fits several, the first one is meant.
class Kinds final {
 public:
  // One reply of /api or /apis; adds to what is there. kDataLoss if it is none.
  Result<void> add(std::string_view discovery);
  // By plural, singular, short name or kind, in any case, perhaps with ".group" or
  // ".version.group". kNotFound names what resembles it.
  Result<KindInfo> find(std::string_view name) const;
  // Of a category ("all", "workspace"); empty if there is none of that name.
  std::vector<KindInfo> of_category(std::string_view name) const;
  const std::vector<KindInfo>& all() const { return kinds_; }

 private:
  std::vector<KindInfo> kinds_;
};

Result<Kinds> discover(const Context& context, kube::KubeClient& client);

// The whole reply of a path, in a representation of choice; kResourceExhausted past 256 MiB.
Result<std::string> fetch(const Context& context, kube::KubeClient& client, std::string_view path,
                          std::string_view accept);

}  // namespace rage::inspect
