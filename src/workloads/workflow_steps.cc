#include "workloads/workflow_steps.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "workloads/detail/json_at.h"

namespace rage::workloads {
namespace {

using detail::find_path;
using detail::list_at;
using detail::text_at;

constexpr int kDepthMax = 8;
constexpr std::size_t kNodesMax = 200;
constexpr std::size_t kExpansionsMax = 2000;  // Steps that lead to no pod count, too.

using Parameters = std::map<std::string, std::string, std::less<>>;

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : codec::render_json(value);
}

// One pass: what a parameter's value holds is not filled in again.
Result<std::string> fill_in(std::string_view text, const Parameters& parameters) {
  std::string filled;
  while (true) {
    const std::size_t open = text.find("{{");
    const std::size_t close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos) {
      filled += text;
      return filled;
    }
    filled += text.substr(0, open);
    const std::string_view name = trim(text.substr(open + 2, close - open - 2));
    const auto found = parameters.find(name);
    if (found != parameters.end()) {
      filled += found->second;
    } else if (name.starts_with("workflow.") || name.starts_with("inputs.") ||
               name.starts_with("steps.")) {
      return fail(ErrorCode::kInvalidArgument, "{{{{{}}}}} is not known", name);
    } else {
      filled += text.substr(open, close + 2 - open);  // Somebody else's braces.
    }
    text.remove_prefix(close + 2);
  }
}

Result<Json> fill_in_all(const Json& value, const Parameters& parameters) {
  if (value.is_string()) {
    ASSIGN_OR_RETURN(std::string text, fill_in(value.get_ref<const std::string&>(), parameters));
    return Json(std::move(text));
  }
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& item : value) {
      ASSIGN_OR_RETURN(Json filled, fill_in_all(item, parameters));
      list.push_back(std::move(filled));
    }
    return list;
  }
  if (!value.is_object()) return value;
  Json object = Json::object();
  for (const auto& [key, item] : value.items()) {
    ASSIGN_OR_RETURN(object[key], fill_in_all(item, parameters));
  }
  return object;
}

class Expander final {
 public:
  Expander(const Json& spec, const WorkflowIdentity& workflow) : spec_(spec) {
    workflow_ = {{"workflow.name", workflow.name},
                 {"workflow.namespace", workflow.ns},
                 {"workflow.uid", workflow.uid}};
    for (const Json& parameter : list_at(spec, {"arguments", "parameters"})) {
      const Json* value = find_path(parameter, {"value"});
      if (value == nullptr) value = find_path(parameter, {"default"});
      if (value == nullptr) continue;
      workflow_["workflow.parameters." + text_at(parameter, {"name"})] = text_of(*value);
    }
  }

  Result<WorkflowGroups> run(const std::string& name) {
    const std::string entrypoint = text_at(spec_, {"entrypoint"});
    if (entrypoint.empty()) return fail(ErrorCode::kInvalidArgument, "spec.entrypoint is empty");
    RETURN_IF_ERROR(expand(entrypoint, name, name, Json::object(), 0));
    return std::move(groups_);
  }

 private:
  Result<Parameters> inputs_of(const Json& pattern, const Json& step, const Parameters& outer) {
    Parameters known = workflow_;
    Parameters given;
    for (const Json& parameter : list_at(step, {"arguments", "parameters"})) {
      const Json* value = find_path(parameter, {"value"});
      if (value == nullptr) {
        return fail(ErrorCode::kUnimplemented, "arguments without a plain value are not run here");
      }
      ASSIGN_OR_RETURN(given[text_at(parameter, {"name"})], fill_in(text_of(*value), outer));
    }
    for (const Json& parameter : list_at(pattern, {"inputs", "parameters"})) {
      const std::string name = text_at(parameter, {"name"});
      const Json* value = find_path(parameter, {"value"});
      if (value == nullptr) value = find_path(parameter, {"default"});
      if (const auto found = given.find(name); found != given.end()) {
        known["inputs.parameters." + name] = found->second;
      } else if (value != nullptr) {
        known["inputs.parameters." + name] = text_of(*value);
      } else {
        return fail(ErrorCode::kInvalidArgument, "template {} needs the parameter {}",
                    text_at(pattern, {"name"}), name);
      }
    }
    return known;
  }

  Result<void> refuse_foreign(const Json& object,
                              std::initializer_list<std::string_view> features) {
    for (const std::string_view feature : features) {
      if (find_path(object, {feature}) == nullptr) continue;
      return fail(ErrorCode::kUnimplemented,
                  "\"{}\" is not run here: templates of containers and of steps are", feature);
    }
    return {};
  }

  // Appends what template `name` runs.
  Result<void> expand(const std::string& name, const std::string& path, const std::string& display,
                      const Json& step, int depth) {
    if (depth > kDepthMax) return fail(ErrorCode::kInvalidArgument, "steps are nested too deep");
    if (++expansions_ > kExpansionsMax) return fail(ErrorCode::kInvalidArgument, "too many steps");
    const Json* pattern = nullptr;
    for (const Json& each : list_at(spec_, {"templates"})) {
      if (text_at(each, {"name"}) == name) pattern = &each;
    }
    if (pattern == nullptr) {
      return fail(ErrorCode::kInvalidArgument, "there is no template \"{}\"", name);
    }
    RETURN_IF_ERROR(refuse_foreign(*pattern, {"dag", "script", "resource", "suspend", "http",
                                              "data", "containerSet", "plugin"}));
    ASSIGN_OR_RETURN(const Parameters known, inputs_of(*pattern, step, scope_));
    if (find_path(*pattern, {"container"}) != nullptr) {
      ASSIGN_OR_RETURN(Json filled, fill_in_all(*pattern, known));
      if (groups_.empty()) groups_.emplace_back();
      groups_.back().push_back({path, display, name, std::move(filled)});
      if (++nodes_ > kNodesMax) return fail(ErrorCode::kInvalidArgument, "more than 200 pods");
      return {};
    }
    if (find_path(*pattern, {"steps"}) == nullptr) {
      return fail(ErrorCode::kInvalidArgument, "template {} has neither container nor steps", name);
    }
    return expand_steps(*pattern, path, known, depth);
  }

  Result<void> expand_steps(const Json& pattern, const std::string& path, const Parameters& known,
                            int depth) {
    int index = 0;
    for (const Json& group : list_at(pattern, {"steps"})) {
      const Json& members = group.is_array() ? group : list_at(group, {"steps"});
      groups_.emplace_back();
      for (const Json& member : members) {
        RETURN_IF_ERROR(refuse_foreign(member, {"when", "withItems", "withParam", "withSequence",
                                                "templateRef", "inline", "hooks", "continueOn"}));
        const std::string name = text_at(member, {"name"});
        const Parameters outer = std::exchange(scope_, known);
        RETURN_IF_ERROR(expand(text_at(member, {"template"}),
                               fmt::format("{}[{}].{}", path, index, name), name, member,
                               depth + 1));
        scope_ = outer;
      }
      ++index;
    }
    return {};
  }

  const Json& spec_;
  Parameters workflow_;
  Parameters scope_;  // Of the steps that are being expanded.
  WorkflowGroups groups_;
  std::size_t nodes_ = 0;
  std::size_t expansions_ = 0;
};

}  // namespace

Result<WorkflowGroups> plan_steps(const Json& spec, const WorkflowIdentity& workflow) {
  auto groups = Expander(spec, workflow).run(workflow.name);
  if (groups) std::erase_if(*groups, [](const auto& group) { return group.empty(); });
  return groups;
}

Json merge_workflow_specs(const Json& from_template, const Json& own) {
  Json merged = from_template.is_object() ? from_template : Json::object();
  for (const auto& [key, value] : own.items()) {
    if (key != "arguments" && key != "workflowTemplateRef") merged[key] = value;
  }
  Json parameters = list_at(from_template, {"arguments", "parameters"});
  for (const Json& stated : list_at(own, {"arguments", "parameters"})) {
    bool known = false;
    for (Json& parameter : parameters) {
      if (text_at(parameter, {"name"}) != text_at(stated, {"name"})) continue;
      known = true;
      for (const auto& [key, value] : stated.items()) parameter[key] = value;
    }
    if (!known) parameters.push_back(stated);
  }
  if (!parameters.empty()) merged["arguments"]["parameters"] = std::move(parameters);
  return merged;
}

}  // namespace rage::workloads
