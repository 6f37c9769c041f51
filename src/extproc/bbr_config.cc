#include "extproc/bbr_config.h"

#include "base/strings.h"
#include "codec/yaml.h"
#include "extproc/headers.h"

namespace rage::extproc {
namespace {

using codec::Json;

constexpr codec::YamlLimits kAdapterLimits = {.bytes_max = std::size_t{4} << 20, .depth_max = 8};

Result<void> check_parameters(const Json& parameters, std::string_view type) {
  for (const auto& [key, value] : parameters.items()) {
    const bool known =
        type == "body-field-to-header" && (key == "fieldName" || key == "headerName");
    if (!known || !value.is_string()) {
      return fail(ErrorCode::kInvalidArgument, "plugin {}: \"{}\" is no parameter with a text",
                  type, key);
    }
  }
  return {};
}

}  // namespace

std::string_view AdapterMap::find_base(std::string_view model) const {
  const auto found = base_of.find(model);
  return found == base_of.end() ? std::string_view() : std::string_view(found->second);
}

Result<void> add_adapters(const Json& entry, AdapterMap& map) {
  const std::string base(trim(codec::string_or(entry, "baseModel", "")));
  if (base.empty()) return fail(ErrorCode::kInvalidArgument, "an adapter map lacks baseModel");
  map.base_of.emplace(base, base);
  const Json* listed = codec::find_key(entry, "adapters");
  Json adapters = listed != nullptr ? *listed : Json();
  if (adapters.is_string()) {
    ASSIGN_OR_RETURN(adapters,
                     codec::parse_yaml(adapters.get_ref<const std::string&>(), kAdapterLimits));
  }
  if (!adapters.is_array() && !adapters.is_null()) {
    return fail(ErrorCode::kInvalidArgument, "adapters of \"{}\" are no list", base);
  }
  for (const Json& adapter : adapters) {
    if (!adapter.is_string()) {
      return fail(ErrorCode::kInvalidArgument, "an adapter of \"{}\" is no text", base);
    }
    map.base_of.emplace(adapter.get<std::string>(), base);
  }
  return {};
}

Result<AdapterMap> parse_adapter_map(std::string_view text) {
  ASSIGN_OR_RETURN(const Json document, codec::parse_yaml(text, kAdapterLimits));
  AdapterMap map;
  if (document.is_object()) {
    RETURN_IF_ERROR(add_adapters(document, map));
  } else if (document.is_array()) {
    for (const Json& entry : document) RETURN_IF_ERROR(add_adapters(entry, map));
  } else if (!document.is_null()) {
    return fail(ErrorCode::kInvalidArgument, "an adapter map is a list of {{baseModel, adapters}}");
  }
  return map;
}

std::vector<HeaderRule> default_rules() {
  return {HeaderRule{.name = "model"}};
}

Result<HeaderRule> parse_plugin(std::string_view text) {
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos || first == 0) {
    return fail(ErrorCode::kInvalidArgument, "plugin \"{}\" is not TYPE:NAME or TYPE:NAME:JSON",
                text);
  }
  const std::string_view type = text.substr(0, first);
  const std::string_view rest = text.substr(first + 1);
  const std::size_t second = std::min(rest.find(':'), rest.size());
  HeaderRule rule{.name = std::string(rest.substr(0, second))};
  if (rule.name.empty()) return fail(ErrorCode::kInvalidArgument, "plugin {}: no name", type);
  Json parameters = Json::object();
  if (second + 1 < rest.size()) {
    ASSIGN_OR_RETURN(parameters, codec::parse_json(rest.substr(second + 1)));
    if (!parameters.is_object()) {
      return fail(ErrorCode::kInvalidArgument, "plugin {}: parameters are no object", type);
    }
  }
  RETURN_IF_ERROR(check_parameters(parameters, type));
  if (type == "base-model-to-header") {
    rule.type = HeaderRule::Type::kBaseModelToHeader;
    rule.header = "x-gateway-base-model-name";
    return rule;
  }
  if (type != "body-field-to-header") {
    return fail(ErrorCode::kInvalidArgument,
                "plugin type \"{}\" is not known: body-field-to-header, base-model-to-header",
                type);
  }
  rule.field = codec::string_or(parameters, "fieldName", rule.field);
  rule.header = to_lower_ascii(codec::string_or(parameters, "headerName", rule.header));
  if (rule.field.empty() || !is_header_name(rule.header)) {
    return fail(ErrorCode::kInvalidArgument, "plugin {}: no field, or no header's name", type);
  }
  return rule;
}

}  // namespace rage::extproc
