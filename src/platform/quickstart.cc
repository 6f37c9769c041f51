#include "platform/quickstart.h"

#include <fmt/format.h>

#include <utility>

#include "codec/yaml.h"

namespace rage::platform {
namespace {

constexpr QuickstartFile kFiles[] = {
#include "platform/quickstart_files.inc"
};

constexpr std::string_view kPackaged = "packaged:";

void set_variable(Json& deployment, std::string_view name, const std::string& value) {
  for (Json& variable : deployment["spec"]["template"]["spec"]["containers"][0]["env"]) {
    if (variable["name"] == name) variable["value"] = value;
  }
}

void fill_in(const QuickstartSettings& settings, Json& object) {
  const std::string kind = codec::string_or(object, "kind", "");
  object["metadata"]["namespace"] = "default";
  if (kind == "Workspace" && settings.model.starts_with(kPackaged)) {
    object["inference"]["preset"]["name"] = settings.model;
  }
  if (kind == "RAGEngine") object["spec"]["embedding"]["local"]["modelID"] = settings.embedder;
  if (kind == "Deployment") set_variable(object, "RAG_INDEX_NAME", settings.index);
}

}  // namespace

std::span<const QuickstartFile> quickstart_files() {
  return kFiles;
}

Result<std::vector<Json>> quickstart_objects(const QuickstartSettings& settings) {
  std::vector<Json> objects;
  for (const QuickstartFile& file : quickstart_files()) {
    ASSIGN_OR_RETURN(std::vector<Json> documents, codec::parse_yaml_stream(file.text));
    for (Json& object : documents) {
      fill_in(settings, object);
      objects.push_back(std::move(object));
    }
  }
  return objects;
}

std::string quickstart_substitute(const QuickstartSettings& settings) {
  if (settings.model.starts_with(kPackaged)) return {};
  return fmt::format("{}={}", kQuickstartServedModel, settings.model);
}

std::vector<std::string> publish_rules(int port_base) {
  return {fmt::format("{}=default/{}", port_base, kQuickstartRag),
          fmt::format("{}=RAGEngine", port_base),
          fmt::format("{}=default/{}", port_base + 1, kQuickstartModel),
          fmt::format("{}=Workspace", port_base + 1),
          fmt::format("{}=default/{}", port_base + 2, kQuickstartAssistant),
          fmt::format("{}=default/web", port_base + 2),
          fmt::format("{}=default/agent", port_base + 2),
          fmt::format("{}=default/{}-rage", port_base + 3, kQuickstartGateway),
          fmt::format("{}=Gateway", port_base + 3)};
}

}  // namespace rage::platform
