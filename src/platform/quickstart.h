// What `rage up` applies when it is given no manifests: examples/quickstart, built into the
// program. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "node/service_table.h"

namespace rage::platform {

using codec::Json;

// On all objects of it: "app.kubernetes.io/part-of".
inline constexpr const char* kQuickstartLabel = "rage-quickstart";
// Names of its objects and Services.
inline constexpr const char* kQuickstartModel = "model";
inline constexpr const char* kQuickstartRag = "rag";
inline constexpr const char* kQuickstartAssistant = "assistant";
inline constexpr const char* kQuickstartGateway = "gateway";
// What its model is called in the API, whatever serves it.
inline constexpr const char* kQuickstartServedModel = "smollm2-135m-instruct";

struct QuickstartFile {
  std::string_view name;  // "model.yaml"
  std::string_view text;
};
std::span<const QuickstartFile> quickstart_files();

struct QuickstartSettings {
  std::string model = "packaged:SmolLM2-135M-Instruct";
  std::string embedder = "packaged:all-MiniLM-L6-v2";
  std::string index = "schedule";  // That the assistant answers from.
};

// In namespace default. A model that is not packaged is served in the place of the packaged one
// (quickstart_substitute()).
Result<std::vector<Json>> quickstart_objects(const QuickstartSettings& settings);

// "smollm2-135m-instruct=hf://org/repo/file.gguf", as --substitute takes it; empty: none is needed.
std::string quickstart_substitute(const QuickstartSettings& settings);

// Ports of 127.0.0.1 from `port_base` on that people remember: the RAG service's, the model's, the
// assistant's, the gateway's. Rules as --publish takes them; for other manifests they lead to the
// oldest RAGEngine, Workspace and Gateway, and to a Service `assistant`, `web` or `agent`.
inline constexpr int kPublishedPorts = 4;
std::vector<std::string> publish_rules(int port_base);

}  // namespace rage::platform
