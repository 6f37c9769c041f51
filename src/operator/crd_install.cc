#include "operator/crd_install.h"

#include <utility>
#include <vector>

#include "apis/crds.h"
#include "apis/kinds.h"
#include "obs/log.h"
#include "operator/reconcile.h"

namespace rage::op {

Result<void> install_crds(const Context& context, kube::KubeClient& client) {
  const ResourceType& type = apis::builtin_type("CustomResourceDefinition");
  std::vector<Change> changes;
  for (Json& crd : apis::render_crds()) {
    auto observed = client.get(context, type, apis::parse_meta(crd).key());
    if (!observed && observed.error().code != ErrorCode::kNotFound) {
      return fail(std::move(observed).error().with_context("installing CRDs"));
    }
    plan_apply(changes, type, std::move(crd), observed ? *observed : Json());
  }
  for (const Change& change : changes) RETURN_IF_ERROR(write_change(context, client, change));
  if (!changes.empty()) obs::log().info("CRDs installed", {{"changes", changes.size()}});
  return {};
}

}  // namespace rage::op
