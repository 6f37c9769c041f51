#include "platform/services.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "apis/kinds.h"
#include "inspect/documents.h"
#include "node/node_agent.h"
#include "platform/bring_up.h"

namespace rage::platform {
namespace {

using inspect::text_at;

std::string ns_of(const Json& object) {
  return text_at(object, {"metadata", "namespace"});
}
std::string name_of(const Json& object) {
  return text_at(object, {"metadata", "name"});
}

// "http://127.130.0.1:80" of a Service's first port, as it is dialled from here.
std::string url_of(const ServicesView& view, const std::string& ns, const std::string& name) {
  for (const Json& service : view.services) {
    if (ns_of(service) != ns || name_of(service) != name) continue;
    const Json& ports = inspect::list_at(service, {"spec", "ports"});
    if (ports.empty()) return {};
    const int port = inspect::int_at(ports.front(), {"port"});
    for (const node::ServiceAddress& address : view.addresses) {
      if (address.key.ns == ns && address.key.name == name && address.key.port == port) {
        return address.published_port != 0
                   ? fmt::format("http://127.0.0.1:{}", address.published_port)
                   : fmt::format("http://{}:{}", address.address, address.local_port);
      }
    }
  }
  return {};
}

// What the pods of an object say of their models.
std::string substituted_of(const ServicesView& view, const Json& object) {
  const std::string kind = inspect::kind_of(object);
  const char* label = kind == "Workspace"      ? "kaito.sh/workspace"
                      : kind == "InferenceSet" ? "inferenceset.kaito.sh/created-by"
                      : kind == "RAGEngine"    ? "kaito.sh/ragengine"
                                               : "";
  for (const Json& pod : view.pods) {
    if (ns_of(pod) != ns_of(object)) continue;
    if (text_at(pod, {"metadata", "labels", label}) != name_of(object)) continue;
    std::string said = text_at(pod, {"metadata", "annotations", node::kSubstitutedModel});
    if (!said.empty()) return said;
  }
  return {};
}

RunningService line_for(const ServicesView& view, std::string name, const Json& object,
                        const std::string& service) {
  const Readiness readiness = readiness_of(object);
  RunningService line{.name = std::move(name),
                      .object = inspect::display_name(object),
                      .url = url_of(view, ns_of(object), service)};
  line.ready = readiness.state == Readiness::State::kReady;
  line.why = line.ready ? "" : readiness.why;
  line.substituted = substituted_of(view, object);
  return line;
}

// The first of a sort has the plain name.
class Names {
 public:
  std::string take(const std::string& plain, const Json& object) {
    if (taken_.insert(plain).second) return plain;
    return fmt::format("{}/{}/{}", plain, ns_of(object), name_of(object));
  }

 private:
  std::set<std::string> taken_;
};

// Our own program and the demo's image: `rage assistant`, and the page before it.
bool is_assistant(const Json& workload) {
  for (const Json& container :
       inspect::list_at(workload, {"spec", "template", "spec", "containers"})) {
    const std::string image = text_at(container, {"image"});
    const Json& args = inspect::list_at(container, {"args"});
    if (!args.empty() && args.front() == "assistant") return true;
    if (image.find("scale23x-demo/web") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::vector<RunningService> running_services(const ServicesView& view) {
  std::vector<RunningService> lines;
  Names names;
  for (const Json& gateway : view.gateways) {
    const std::string service =
        name_of(gateway) + "-" + text_at(gateway, {"spec", "gatewayClassName"});
    lines.push_back(line_for(view, names.take("gateway", gateway), gateway, service));
  }
  for (const Json& engine : view.rag_engines) {
    lines.push_back(line_for(view, names.take("rag", engine), engine, name_of(engine)));
  }
  for (const auto* workloads : {&view.deployments, &view.rollouts}) {
    for (const Json& workload : *workloads) {
      if (!is_assistant(workload)) continue;
      lines.push_back(
          line_for(view, names.take("assistant", workload), workload, name_of(workload)));
    }
  }
  for (const Json& set : view.inference_sets) {
    lines.push_back(line_for(view, names.take(name_of(set), set), set, name_of(set)));
    // A set has no Service of its own: the gateway finds its replicas by the model's name.
    const bool has_gateway = !view.gateways.empty();
    if (lines.back().url.empty() && has_gateway) lines.back().url = lines.front().url;
  }
  for (const Json& workspace : view.workspaces) {
    const Json& owners = inspect::list_at(workspace, {"metadata", "ownerReferences"});
    const bool of_a_set = std::ranges::any_of(
        owners, [](const Json& owner) { return text_at(owner, {"kind"}) == "InferenceSet"; });
    const std::string own = name_of(workspace);
    if (!of_a_set) lines.push_back(line_for(view, names.take(own, workspace), workspace, own));
  }
  return lines;
}

Result<ServicesView> view_services(const Context& context, kube::KubeClient& client) {
  ServicesView view;
  const apis::ResourceType gateway{"gateway.networking.k8s.io", "v1", "Gateway", "gateways", true};
  const apis::ResourceType rollout{"argoproj.io", "v1alpha1", "Rollout", "rollouts", true};
  const std::vector<std::pair<apis::ResourceType, std::vector<Json>*>> kinds = {
      {gateway, &view.gateways},
      {apis::rag_engine_type(), &view.rag_engines},
      {apis::inference_set_type(), &view.inference_sets},
      {apis::workspace_type(), &view.workspaces},
      {apis::builtin_type("Deployment"), &view.deployments},
      {rollout, &view.rollouts},
      {apis::builtin_type("Service"), &view.services},
      {apis::builtin_type("Pod"), &view.pods}};
  for (const auto& [type, into] : kinds) {
    const auto listed = client.list(context, type, {.ns = ""}, [&](std::vector<Json> items) {
      for (Json& item : items) {
        item["kind"] = type.kind;  // Lists may leave it out.
        into->push_back(std::move(item));
      }
    });
    if (!listed && listed.error().code != ErrorCode::kNotFound) return fail(listed.error());
  }
  return view;
}

}  // namespace rage::platform
