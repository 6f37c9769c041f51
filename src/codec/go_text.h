// JSON and YAML byte for byte as Go's encoders write them, which is what kubectl prints: keys
// sorted, JSON indented by four with <, > and & escaped, YAML in block style, folded at 80 columns.
// Sources: encoding/json, sigs.k8s.io/yaml.
#pragma once

#include <string>

#include "codec/json.h"

namespace rage::codec {

// json.MarshalIndent(value, "", "    "), without a final newline.
std::string render_go_json(const Json& value);

// yaml.Marshal(value), with its final newline. Strings that YAML would read as something else are
// quoted; those of several lines become literal blocks.
std::string render_go_yaml(const Json& value);

}  // namespace rage::codec
