#include "guardrails/policy.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "codec/json.h"
#include "codec/yaml.h"

namespace rage::guardrails {
namespace {

using codec::Json;

std::optional<Action> parse_action(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  const std::string name = to_lower_ascii(trim(value.get_ref<const std::string&>()));
  if (name == "redact") return Action::kRedact;
  if (name == "block") return Action::kBlock;
  return std::nullopt;
}

// The parameters of one scanner, by normalized name; what is asked for is crossed off.
class Parameters {
 public:
  explicit Parameters(const Json& entry) {
    for (const auto& [key, value] : entry.items()) {
      const std::string name = normalized_name(key);
      if (name != "type" && name != "action") values_[name] = value;
    }
  }

  Result<bool> flag(const std::string& name, bool fallback) {
    const Json value = take(name);
    if (value.is_null()) return fallback;
    if (!value.is_boolean()) return bad(name, "must be true or false");
    return value.get<bool>();
  }

  Result<double> number(const std::string& name, double fallback) {
    const Json value = take(name);
    if (value.is_null()) return fallback;
    if (!value.is_number()) return bad(name, "must be a number");
    return value.get<double>();
  }

  Result<std::size_t> count(const std::string& name, std::size_t fallback, std::size_t least) {
    constexpr std::size_t kMost = 1'000'000'000;
    const Json value = take(name);
    if (value.is_null()) return fallback;
    if (!value.is_number_integer() || value.get<double>() < static_cast<double>(least) ||
        value.get<double>() > static_cast<double>(kMost)) {
      return bad(name, fmt::format("must be a whole number of at least {}", least));
    }
    return value.get<std::size_t>();
  }

  // The position in `names`.
  Result<std::size_t> choice(const std::string& name, const std::vector<std::string>& names) {
    const Json value = take(name);
    if (value.is_null()) return std::size_t{0};
    if (value.is_string()) {
      const std::string chosen = to_lower_ascii(trim(value.get_ref<const std::string&>()));
      const auto found = std::ranges::find(names, chosen);
      if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    }
    return bad(name, "must be " + join(names, " or "));
  }

  // Entries that are no text, or empty, are left out, as in KAITO; one must remain.
  Result<std::vector<std::string>> texts(const std::string& name) {
    const Json value = take(name);
    std::vector<std::string> texts;
    if (value.is_array()) {
      for (const Json& entry : value) {
        if (entry.is_string() && !entry.get_ref<const std::string&>().empty()) {
          texts.push_back(entry.get<std::string>());
        }
      }
    }
    if (texts.empty()) return bad(name, "must be a list with at least one text");
    if (texts.size() > kEntriesMax) {
      return bad(name, fmt::format("has more than {} entries", kEntriesMax));
    }
    return texts;
  }

  Json take(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end()) return nullptr;
    Json value = std::move(found->second);
    values_.erase(found);
    return value;
  }

  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_) names.push_back(name);
    return names;
  }

 private:
  static std::unexpected<Error> bad(const std::string& name, const std::string& what) {
    return fail(ErrorCode::kInvalidArgument, "{} {}", name, what);
  }

  std::map<std::string, Json> values_;
};

Result<Rules> read_regex(Parameters& parameters) {
  RegexRules rules;
  ASSIGN_OR_RETURN(rules.patterns, parameters.texts("patterns"));
  ASSIGN_OR_RETURN(const std::size_t match,
                   parameters.choice("match_type", {"search", "fullmatch", "all"}));
  rules.match = static_cast<RegexRules::Match>(match);
  ASSIGN_OR_RETURN(rules.is_blocked, parameters.flag("is_blocked", true));
  return Rules(std::move(rules));
}

Result<Rules> read_substrings(Parameters& parameters) {
  SubstringRules rules;
  ASSIGN_OR_RETURN(rules.substrings, parameters.texts("substrings"));
  ASSIGN_OR_RETURN(const std::size_t match, parameters.choice("match_type", {"word", "str"}));
  rules.match = static_cast<SubstringRules::Match>(match);
  ASSIGN_OR_RETURN(rules.case_sensitive, parameters.flag("case_sensitive", false));
  ASSIGN_OR_RETURN(rules.contains_all, parameters.flag("contains_all", false));
  return Rules(std::move(rules));
}

Result<Rules> read_invisible(Parameters& parameters) {
  if (const auto left = parameters.left(); !left.empty()) {
    return fail(ErrorCode::kInvalidArgument, "takes no parameters, but has {}", join(left, ", "));
  }
  return Rules(InvisibleRules{});
}

Result<Rules> read_secrets(Parameters& parameters) {
  ASSIGN_OR_RETURN(const std::size_t style,
                   parameters.choice("redact_mode", {"all", "partial", "hash"}));
  return Rules(SecretRules{.style = static_cast<SecretStyle>(style)});
}

Result<Rules> read_sensitive(Parameters& parameters) {
  const Json value = parameters.take("detectors");
  SensitiveRules rules;
  if (value.is_null()) {
    rules.detectors.assign(std::begin(kAllSensitive), std::end(kAllSensitive));
    return Rules(std::move(rules));
  }
  if (!value.is_array() || value.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "detectors must be a list of email, phone, credit_card and ip_address");
  }
  for (const Json& entry : value) {
    const std::string name =
        entry.is_string() ? normalized_name(entry.get_ref<const std::string&>()) : "";
    const auto* found =
        std::ranges::find(kAllSensitive, name, [](Sensitive kind) { return name_of(kind); });
    if (found == std::end(kAllSensitive)) {
      return fail(ErrorCode::kInvalidArgument,
                  "there is no detector {}; there are email, phone, credit_card and ip_address",
                  codec::render_json(entry));
    }
    rules.detectors.push_back(*found);
  }
  return Rules(std::move(rules));
}

Result<Rules> read_json(Parameters& parameters) {
  JsonRules rules;
  ASSIGN_OR_RETURN(rules.required_elements, parameters.count("required_elements", 0, 0));
  ASSIGN_OR_RETURN(rules.repair, parameters.flag("repair", true));
  return Rules(rules);
}

Result<Rules> read_reading_time(Parameters& parameters) {
  ReadingTimeRules rules;
  ASSIGN_OR_RETURN(rules.minutes_max, parameters.number("max_time", 0));
  if (!(rules.minutes_max > 0) || rules.minutes_max > 1e6) {
    return fail(ErrorCode::kInvalidArgument, "max_time must be a number of minutes above 0");
  }
  ASSIGN_OR_RETURN(rules.truncate, parameters.flag("truncate", false));
  return Rules(rules);
}

Result<Rules> read_token_limit(Parameters& parameters) {
  TokenRules rules;
  ASSIGN_OR_RETURN(rules.limit, parameters.count("limit", rules.limit, 1));
  for (const char* name : {"encoding_name", "model_name"}) {
    const Json value = parameters.take(name);
    if (!value.is_null() && !value.is_string()) {
      return fail(ErrorCode::kInvalidArgument, "{} must be a text", name);
    }
  }
  return Rules(rules);
}

struct Kind {
  std::string_view name;
  Result<Rules> (*read)(Parameters&);
};
constexpr Kind kKinds[] = {
    {"regex", read_regex},
    {"ban_substrings", read_substrings},
    {"secrets", read_secrets},
    {"invisible_text", read_invisible},
    {"sensitive", read_sensitive},
    {"json", read_json},
    {"token_limit", read_token_limit},
    {"reading_time", read_reading_time},
};

// Redacting changes nothing where nothing can be told apart from the rest.
bool cannot_redact(const Rules& rules) {
  if (std::holds_alternative<JsonRules>(rules)) return true;
  if (const auto* regex = std::get_if<RegexRules>(&rules)) return !regex->is_blocked;
  const auto* reading = std::get_if<ReadingTimeRules>(&rules);
  return reading != nullptr && !reading->truncate;
}

Result<ScannerRules> read_scanner(const Json& entry, Action action, std::string& type,
                                  std::vector<std::string>& warnings) {
  if (!entry.is_object()) return fail(ErrorCode::kInvalidArgument, "it is no mapping");
  Parameters parameters(entry);
  for (const auto& [key, value] : entry.items()) {
    const std::string name = normalized_name(key);
    if (name == "type" && value.is_string()) type = normalized_name(value.get<std::string>());
    if (name != "action" || value.is_null()) continue;
    const auto own = parse_action(value);
    if (!own) return fail(ErrorCode::kInvalidArgument, "action must be redact or block");
    action = *own;
  }
  const auto* kind = std::ranges::find(kKinds, type, &Kind::name);
  if (kind == std::end(kKinds)) {
    return fail(ErrorCode::kInvalidArgument, "there is no scanner of type '{}'; there are {}", type,
                join(scanner_types(), ", "));
  }
  ASSIGN_OR_RETURN(Rules rules, kind->read(parameters));
  for (const std::string& name : parameters.left()) {
    warnings.push_back(fmt::format("{}: there is no parameter {}; it is ignored", type, name));
  }
  if (action == Action::kRedact && cannot_redact(rules)) {
    warnings.push_back(fmt::format(
        "{}: a hit changes nothing in the text with action redact; use action: block", type));
  }
  return ScannerRules{.type = type, .action = action, .rules = std::move(rules)};
}

}  // namespace

const std::vector<std::string>& scanner_types() {
  static const std::vector<std::string> types = [] {
    std::vector<std::string> names;
    for (const Kind& kind : kKinds) names.emplace_back(kind.name);
    return names;
  }();
  return types;
}

std::string normalized_name(std::string_view name) {
  std::string out;
  for (const char c : trim(name)) {
    if (c >= 'A' && c <= 'Z') {
      if (!out.empty() && out.back() != '_') out.push_back('_');
      out.push_back(static_cast<char>(c - 'A' + 'a'));
    } else {
      out.push_back(c == '-' ? '_' : c);
    }
  }
  return out;
}

Result<PolicyRules> parse_policy(std::string_view yaml, std::vector<std::string>* failed_types) {
  ASSIGN_OR_RETURN(const Json root, codec::parse_yaml(yaml, {.bytes_max = kPolicyBytesMax}));
  if (!root.is_object()) return fail(ErrorCode::kInvalidArgument, "the policy is no mapping");
  PolicyRules policy;
  Action action = Action::kRedact;
  if (const Json* value = codec::find_key(root, "action"); value && !value->is_null()) {
    if (const auto known = parse_action(*value)) {
      action = *known;
    } else {
      policy.warnings.emplace_back("action must be redact or block; redact is used");
    }
  }
  if (const Json* value = codec::find_key(root, "blockMessage"); value && !value->is_null()) {
    const bool usable = value->is_string() && !trim(value->get_ref<const std::string&>()).empty();
    if (usable) policy.block_message = value->get<std::string>();
    if (!usable) policy.warnings.emplace_back("blockMessage must be a text; the usual one is used");
  }
  const Json* list = codec::find_key(root, "scanners");
  if (list == nullptr || list->is_null()) return policy;
  if (!list->is_array()) return fail(ErrorCode::kInvalidArgument, "scanners must be a list");
  if (list->size() > kScannersMax) {
    return fail(ErrorCode::kInvalidArgument, "more than {} scanners", kScannersMax);
  }
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < list->size(); ++i) {
    std::string type;
    auto scanner = read_scanner((*list)[i], action, type, policy.warnings);
    if (scanner) {
      policy.scanners.push_back(*std::move(scanner));
      continue;
    }
    problems.push_back(fmt::format("scanner {} ({}): {}", i + 1, type.empty() ? "no type" : type,
                                   scanner.error().message));
    if (failed_types != nullptr) failed_types->push_back(type);
  }
  if (!problems.empty()) return fail(ErrorCode::kInvalidArgument, join(problems, "; "));
  return policy;
}

}  // namespace rage::guardrails
