#include <fmt/format.h>

#include <algorithm>

#include "gatewayapi/detail/parts.h"
#include "gatewayapi/durations.h"

namespace rage::gatewayapi {
namespace detail {

Result<Meta> read_meta(const Json& document) {
  Problems problems;
  const Reader fields = Reader(&document, "", &problems).child("metadata");
  Meta meta;
  meta.name.name = fields.required_text("name", kNameBytesMax);
  meta.name.name_space = fields.text("namespace", kNameBytesMax);
  meta.uid = fields.text("uid", kNameBytesMax);
  meta.resource_version = fields.text("resourceVersion", kNameBytesMax);
  meta.generation = fields.integer("generation", 0, std::int64_t{1} << 62).value_or(0);
  meta.created_at = parse_timestamp(fields.text("creationTimestamp", 64));
  meta.labels = fields.labels("labels");
  meta.annotations = fields.labels("annotations");
  if (!problems.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{}", render_problems(problems));
  }
  return meta;
}

}  // namespace detail

std::string render_problems(const Problems& problems) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(problems.size(), kShown); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : "; ", problems[i].message);
  }
  if (problems.size() > kShown) text += fmt::format("; and {} more", problems.size() - kShown);
  return text;
}

bool LabelSelector::matches(const Labels& labels) const {
  const bool all_equal = std::ranges::all_of(match_labels, [&](const auto& wanted) {
    const auto at = labels.find(wanted.first);
    return at != labels.end() && at->second == wanted.second;
  });
  return all_equal && std::ranges::all_of(requirements, [&](const LabelRequirement& wanted) {
           const auto at = labels.find(wanted.key);
           const bool present = at != labels.end();
           if (wanted.op == "Exists") return present;
           if (wanted.op == "DoesNotExist") return !present;
           const bool listed =
               present && std::ranges::find(wanted.values, at->second) != wanted.values.end();
           if (wanted.op == "In") return listed;
           return wanted.op == "NotIn" && !listed;
         });
}

Result<Meta> parse_meta(const Json& document) {
  return detail::read_meta(document);
}

}  // namespace rage::gatewayapi
