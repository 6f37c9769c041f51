// YAML to JSON as Kubernetes' tools read it (sigs.k8s.io/yaml, YAML 1.1): plain yes/no/on/off are
// booleans, `010` and `0x8` are 8, `1.0` is 1, a date is a string, what is quoted is a string, `<<`
// merges; keys become strings. Over libyaml, of which their parser is a port.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::codec {

struct YamlLimits {
  std::size_t bytes_max = std::size_t{8} << 20;
  std::size_t depth_max = 64;
  // What aliases may add by repeating: a few lines of them can stand for gigabytes.
  std::size_t alias_bytes_max = std::size_t{1} << 20;
};

// One document, in YAML or JSON; an empty text is null. kInvalidArgument, with the line, on bad
// input, a key given twice, NaN and infinity (JSON has none), or a second document;
// kResourceExhausted past `bytes_max`.
Result<Json> parse_yaml(std::string_view text, const YamlLimits& limits = {});

// Documents separated by `---`; empty ones are left out.
Result<std::vector<Json>> parse_yaml_stream(std::string_view text, const YamlLimits& limits = {});

}  // namespace rage::codec
