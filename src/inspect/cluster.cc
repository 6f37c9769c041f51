#include "inspect/cluster.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace rage::inspect {
namespace {

// "workspace/phi" and its like, side by side.
Result<std::vector<Target>> parse_pairs(const Kinds& kinds,
                                        const std::vector<std::string>& arguments) {
  std::vector<Target> targets;
  for (const std::string& argument : arguments) {
    const std::size_t slash = argument.find('/');
    const std::string name = slash == std::string::npos ? "" : argument.substr(slash + 1);
    if (slash == 0 || name.empty() || name.find('/') != std::string::npos) {
      return fail(ErrorCode::kInvalidArgument,
                  "\"{}\" is no KIND/NAME; name objects as \"workspace/phi\" or \"workspace phi\"",
                  argument);
    }
    ASSIGN_OR_RETURN(KindInfo kind, kinds.find(argument.substr(0, slash)));
    targets.push_back({.kind = std::move(kind), .names = {name}});
  }
  return targets;
}

}  // namespace

Result<std::vector<Target>> parse_targets(const Kinds& kinds,
                                          const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "name a kind, such as workspaces, or an object, such "
                "as workspace/phi");
  }
  const auto has_slash = [](const std::string& text) {
    return text.find('/') != std::string::npos;
  };
  if (std::ranges::any_of(arguments, has_slash)) return parse_pairs(kinds, arguments);
  std::vector<Target> targets;
  const std::vector<std::string> names(arguments.begin() + 1, arguments.end());
  for (const std::string_view word : split(arguments.front(), ',')) {
    if (word.empty()) continue;
    auto kind = kinds.find(word);
    if (kind) {
      targets.push_back({.kind = *std::move(kind), .names = names});
      continue;
    }
    const std::vector<KindInfo> category = kinds.of_category(word);
    if (category.empty()) return fail(std::move(kind).error());
    for (const KindInfo& each : category) targets.push_back({.kind = each, .names = names});
  }
  return targets;
}

Result<std::vector<NamedObject>> parse_named(const Kinds& kinds,
                                             const std::vector<std::string>& arguments) {
  ASSIGN_OR_RETURN(const auto targets, parse_targets(kinds, arguments));
  std::vector<NamedObject> objects;
  for (const Target& target : targets) {
    if (target.names.empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  "name an object: {0}/NAME; `rage get {0}` lists them", target.kind.singular);
    }
    for (const std::string& name : target.names) {
      objects.push_back({.kind = target.kind, .name = name});
    }
  }
  return objects;
}

std::string namespace_for(const Cluster& cluster, const KindInfo& kind) {
  return kind.type.namespaced ? cluster.ns : "";
}

kube::ObjectKey key_for(const Cluster& cluster, const KindInfo& kind, std::string_view name) {
  return {.ns = namespace_for(cluster, kind), .name = std::string(name)};
}

}  // namespace rage::inspect
