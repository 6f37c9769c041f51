// What an object names and cannot work without. Optional references are none.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "inspect/world.h"

namespace rage::inspect {
namespace {

// One object's references, in the order they are found. One thread.
class Collector final {
 public:
  explicit Collector(const Json& object)
      : object_(object), ns_(text_at(object, {"metadata", "namespace"})) {}

  std::vector<Reference> take() {
    const std::string kind = kind_of(object_);
    if (kind == "Workspace") workspace();
    if (kind == "InferenceSet") inference_set();
    if (kind == "RAGEngine") rag_engine();
    if (kind == "MultiRoleInference") multi_role();
    if (kind == "AutoIndexer") auto_indexer();
    if (kind == "ModelMirror") model_mirror();
    if (kind == "Pod") pod();
    std::set<Reference> seen;
    std::erase_if(found_, [&](const Reference& each) { return !seen.insert(each).second; });
    return std::move(found_);
  }

 private:
  void add(std::string_view kind, const std::string& name, std::string_view field,
           std::string_view entry = {}) {
    if (name.empty()) return;
    found_.push_back({.kind = std::string(kind),
                      .key = {.ns = ns_, .name = name},
                      .field = std::string(field),
                      .entry = std::string(entry)});
  }

  void inference(const Json& inference, std::string_view prefix) {
    add("Secret", text_at(inference, {"preset", "presetOptions", "modelAccessSecret"}),
        fmt::format("{}.inference.preset.presetOptions.modelAccessSecret", prefix), "HF_TOKEN");
    add("ConfigMap", text_at(inference, {"config"}), fmt::format("{}.inference.config", prefix),
        "inference_config.yaml");
    for (const Json& adapter : list_at(inference, {"adapters"})) {
      for (const Json& secret : list_at(adapter, {"source", "imagePullSecrets"})) {
        if (!secret.is_string()) continue;
        add("Secret", secret.get<std::string>(),
            fmt::format("{}.inference.adapters[].source.imagePullSecrets", prefix));
      }
    }
  }

  void workspace() {
    inference(map_at(object_, {"inference"}), "");
    const Json& tuning = map_at(object_, {"tuning"});
    add("Secret", text_at(tuning, {"preset", "presetOptions", "modelAccessSecret"}),
        ".tuning.preset.presetOptions.modelAccessSecret", "HF_TOKEN");
    add("ConfigMap", text_at(tuning, {"config"}), ".tuning.config", "training_config.yaml");
    add("Secret", text_at(tuning, {"output", "imagePushSecret"}), ".tuning.output.imagePushSecret");
  }

  void inference_set() {
    inference(map_at(object_, {"spec", "template", "inference"}), ".spec.template");
  }

  void rag_engine() {
    const Json& spec = map_at(object_, {"spec"});
    add("Secret", text_at(spec, {"embedding", "local", "modelAccessSecret"}),
        ".spec.embedding.local.modelAccessSecret");
    add("Secret", text_at(spec, {"embedding", "local", "imagePullSecret"}),
        ".spec.embedding.local.imagePullSecret");
    add("Secret", text_at(spec, {"embedding", "remote", "accessSecret"}),
        ".spec.embedding.remote.accessSecret");
    add("Secret", text_at(spec, {"inferenceService", "accessSecret"}),
        ".spec.inferenceService.accessSecret", "LLM_ACCESS_SECRET");
    add("Secret", text_at(spec, {"storage", "vectorDB", "accessSecret"}),
        ".spec.storage.vectorDB.accessSecret", "VECTOR_DB_ACCESS_SECRET");
    add("ConfigMap", text_at(spec, {"guardrails", "configMapRef", "name"}),
        ".spec.guardrails.configMapRef", "guardrails.yaml");
    service_of_url(text_at(spec, {"inferenceService", "url"}), ".spec.inferenceService.url");
    service_of_url(text_at(spec, {"embedding", "remote", "url"}), ".spec.embedding.remote.url");
    service_of_url(text_at(spec, {"storage", "vectorDB", "url"}), ".spec.storage.vectorDB.url");
  }

  void multi_role() {
    const Json& spec = map_at(object_, {"spec"});
    add("Secret", text_at(spec, {"model", "modelAccessSecret"}), ".spec.model.modelAccessSecret",
        "HF_TOKEN");
    add("ConfigMap", text_at(spec, {"eppPluginsConfig"}), ".spec.eppPluginsConfig", "config.yaml");
    for (const Json& role : list_at(spec, {"roles"})) {
      add("ConfigMap", text_at(role, {"runtimeConfig"}), ".spec.roles[].runtimeConfig",
          "inference_config.yaml");
    }
  }

  void auto_indexer() {
    for (const std::string_view part : {"git", "http"}) {
      add("Secret", text_at(object_, {"spec", "source", part, "accessSecret"}),
          fmt::format(".spec.source.{}.accessSecret", part));
    }
  }

  void model_mirror() {
    ns_ = text_at(object_, {"spec", "jobNamespace"});
    if (ns_.empty()) return;
    add("Secret", text_at(object_, {"spec", "source", "accessSecret", "name"}),
        ".spec.source.accessSecret");
  }

  void pod() {
    for (const std::string_view list : {"initContainers", "containers"}) {
      for (const Json& container : list_at(object_, {"spec", list})) environment(container);
    }
    for (const Json& volume : list_at(object_, {"spec", "volumes"})) {
      if (!flag_at(volume, {"secret", "optional"})) {
        add("Secret", text_at(volume, {"secret", "secretName"}), ".spec.volumes");
      }
      if (!flag_at(volume, {"configMap", "optional"})) {
        add("ConfigMap", text_at(volume, {"configMap", "name"}), ".spec.volumes");
      }
    }
  }

  void environment(const Json& container) {
    for (const Json& variable : list_at(container, {"env"})) {
      for (const auto& [kind, key] :
           {std::pair("Secret", "secretKeyRef"), std::pair("ConfigMap", "configMapKeyRef")}) {
        const Json& reference = map_at(variable, {"valueFrom", key});
        if (flag_at(reference, {"optional"})) continue;
        add(kind, text_at(reference, {"name"}), ".spec.containers[].env",
            text_at(reference, {"key"}));
      }
    }
    for (const Json& source : list_at(container, {"envFrom"})) {
      if (!flag_at(source, {"secretRef", "optional"})) {
        add("Secret", text_at(source, {"secretRef", "name"}), ".spec.containers[].envFrom");
      }
      if (!flag_at(source, {"configMapRef", "optional"})) {
        add("ConfigMap", text_at(source, {"configMapRef", "name"}), ".spec.containers[].envFrom");
      }
    }
  }

  // "http://name", "http://name.ns", "http://name.ns.svc..." are a cluster's own; a host with any
  // other dots is somebody else's, and not ours to look up.
  void service_of_url(const std::string& url, std::string_view field) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string::npos) return;
    std::string_view host = std::string_view(url).substr(scheme + 3);
    host = host.substr(0, host.find_first_of("/:?#"));
    const std::vector<std::string_view> parts = split(host, '.');
    const auto is_label = [](std::string_view part) {
      return !part.empty() && std::ranges::all_of(part, [](char c) {
        return is_ascii_alpha(c) || is_ascii_digit(c) || c == '-';
      });
    };
    if (host == "localhost" || !std::ranges::all_of(parts, is_label)) return;
    if (parts.size() > 2 && parts[2] != "svc") return;
    const std::string ns = parts.size() > 1 ? std::string(parts[1]) : ns_;
    found_.push_back({.kind = "Service",
                      .key = {.ns = ns, .name = std::string(parts[0])},
                      .field = std::string(field)});
  }

  const Json& object_;
  std::string ns_;
  std::vector<Reference> found_;
};

}  // namespace

std::vector<Reference> references_of(const Json& object) {
  return Collector(object).take();
}

}  // namespace rage::inspect
