#include "inspect/documents.h"

#include <array>
#include <utility>

#include "base/strings.h"

namespace rage::inspect {

apis::StringMap strings_at(const Json& object, Path path) {
  apis::StringMap strings;
  for (const auto& [key, value] : map_at(object, path).items()) {
    if (value.is_string()) strings.emplace(key, value.get<std::string>());
  }
  return strings;
}

std::string kind_of(const Json& object) {
  return codec::string_or(object, "kind", "");
}

std::string display_name(const Json& object) {
  const std::string ns = text_at(object, {"metadata", "namespace"});
  return fmt::format("{} {}{}{}", kind_of(object), ns, ns.empty() ? "" : "/",
                     text_at(object, {"metadata", "name"}));
}

std::string argument_of(const Json& object) {
  return fmt::format("{}/{}", to_lower_ascii(kind_of(object)),
                     text_at(object, {"metadata", "name"}));
}

const Json* find_condition(const Json& object, std::string_view type) {
  for (const Json& condition : list_at(object, {"status", "conditions"})) {
    if (codec::string_or(condition, "type", "") == type) return &condition;
  }
  return nullptr;
}

bool is_condition_true(const Json& object, std::string_view type) {
  const Json* condition = find_condition(object, type);
  return condition != nullptr && codec::string_or(*condition, "status", "") == "True";
}

std::string_view ready_condition(std::string_view kind) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kConditions{{
      {"Workspace", "WorkspaceSucceeded"},
      {"InferenceSet", "InferenceSetReady"},
      {"RAGEngine", "ServiceReady"},
      {"ModelMirror", "Ready"},
      {"MultiRoleInference", "Ready"},
      {"AutoIndexer", "Ready"},
  }};
  for (const auto& [name, condition] : kConditions) {
    if (name == kind) return condition;
  }
  return "";
}

std::optional<bool> is_ready(const Json& object) {
  const std::string_view type = ready_condition(kind_of(object));
  if (type.empty()) return std::nullopt;
  return is_condition_true(object, type);
}

}  // namespace rage::inspect
