// `rage kustomize`: what an overlay makes, before it is applied.
#include "kustomize/kustomize.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "codec/go_text.h"
#include "subcommands.h"

namespace rage::app {
namespace {

Result<void> print_objects(const std::string& folder, bool json) {
  ASSIGN_OR_RETURN(
      const auto objects,
      kustomize::build(kustomize::local_files(), std::filesystem::absolute(folder).string()));
  bool first = true;
  for (const codec::Json& object : objects) {
    if (!first && !json) fmt::print("---\n");
    first = false;
    fmt::print("{}{}", json ? codec::render_json(object) : codec::render_go_yaml(object),
               json ? "\n" : "");
  }
  return {};
}

}  // namespace

void add_kustomize(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "kustomize", "Print the objects that a folder with a kustomization.yaml makes");
  auto folder = std::make_shared<std::string>(".");
  auto format = std::make_shared<std::string>("yaml");
  command->add_option("DIR", *folder, "Folder of the kustomization")->capture_default_str();
  command->add_option("-o,--output", *format, "yaml, or json: one object a line")
      ->check(CLI::IsMember({"yaml", "json"}))
      ->capture_default_str();
  command->footer(
      "Examples:\n  rage kustomize overlays/rag\n  rage kustomize overlays/rag -o json | jq .kind");
  command->callback(
      [=, &exit_code] { exit_code = exit_code_of(print_objects(*folder, *format == "json")); });
}

}  // namespace rage::app
