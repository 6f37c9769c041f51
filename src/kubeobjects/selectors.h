// Label and field selectors as query parameters. Source: Kubernetes, "Labels and Selectors",
// "Field Selectors".
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::kubeobjects {

using codec::Json;

// Value. One condition of a label selector; all of them must hold.
struct LabelRequirement {
  enum class Operator { kIn, kNotIn, kExists, kAbsent, kGreater, kLess };
  std::string key;
  Operator op = Operator::kExists;
  std::vector<std::string> values;
};

struct FieldRequirement {
  std::string path;  // "metadata.name"
  bool equal = true;
  std::string value;
};

// Value. Of an object's metadata.labels and fields.
struct Selector {
  std::vector<LabelRequirement> labels;
  std::vector<FieldRequirement> fields;

  bool empty() const { return labels.empty() && fields.empty(); }
  bool matches(const Json& object) const;
};

// "a=b,c!=d,e in (f,g),!h,i,j>3". 400 in Kubernetes' words on anything else.
Result<std::vector<LabelRequirement>> parse_label_selector(std::string_view text);
// "metadata.name=a,status.phase!=Running". 400 if a path is not in `known`.
Result<std::vector<FieldRequirement>> parse_field_selector(std::string_view text,
                                                           std::span<const std::string> known);

// metadata.labels and a LabelSelector object (matchLabels, matchExpressions) as the string form.
std::string selector_text(const Json& label_selector);

}  // namespace rage::kubeobjects
