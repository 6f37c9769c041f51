#include "guardrails/scanners.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/sha256.h"
#include "base/strings.h"
#include "guardrails/json_scan.h"
#include "text/printable.h"
#include "text/unicode.h"

namespace rage::guardrails {
namespace {

constexpr double kWordsPerMinute = 200;
const std::string kRedacted = "[REDACTED]";

std::string redacted(int, std::string_view) {
  return kRedacted;
}

using MakeStage = std::function<std::unique_ptr<Stage>()>;

Scanner whole(WholeScan scan, Action action) {
  return {
      .type = {},
      .action = action,
      .reach = Reach::kContent,
      .make_stage = [scan = std::move(scan), action] { return make_whole_stage(scan, action); }};
}

Scanner finding(Finder finder, Action action, Replace replace) {
  return {.type = {},
          .action = action,
          .make_stage = [finder = std::move(finder), action, replace = std::move(replace)] {
            return make_finder_stage(finder, action, replace);
          }};
}

bool matches_all_of(const RegexRules& rules, std::string_view text) {
  return std::ranges::any_of(rules.patterns, [&](const std::string& pattern) {
    return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()),
                               re2::RE2(pattern, re2::RE2::Quiet));
  });
}

Result<Scanner> compile(const RegexRules& rules, Action action) {
  std::vector<Detector> detectors;
  for (const std::string& pattern : rules.patterns) detectors.push_back({.pattern = pattern});
  ASSIGN_OR_RETURN(Finder finder, Finder::create(std::move(detectors)));
  const bool full = rules.match == RegexRules::Match::kFullMatch;
  if (!full && rules.is_blocked) return finding(std::move(finder), action, redacted);
  return whole(
      [rules, finder, full](std::string_view text) -> WholeVerdict {
        const bool matches = full ? matches_all_of(rules, text)
                                  : !finder.scan(text, 0, Ending::kEnd).findings.empty();
        if (matches != rules.is_blocked) return {};
        if (!rules.is_blocked) return {.hit = true};
        return {.hit = true, .replaced = kRedacted};
      },
      action);
}

// The words of a text, as Python's split() gives them.
std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t begin = std::string_view::npos;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    const bool space = text::is_white_space(text::next_code_point(text, at));
    if (space && begin != std::string_view::npos) {
      words.push_back(text.substr(begin, here - begin));
      begin = std::string_view::npos;
    } else if (!space && begin == std::string_view::npos) {
      begin = here;
    }
  }
  if (begin != std::string_view::npos) words.push_back(text.substr(begin));
  return words;
}

bool stands_alone(const Candidate& candidate) {
  const std::string_view text = candidate.text;
  const Finding& match = candidate.match;
  if (match.begin > 0) {
    std::size_t before = match.begin - 1;
    while (before > 0 && (text[before] & 0xC0) == 0x80) --before;
    if (text::is_word_character(text::next_code_point(text, before))) return false;
  }
  std::size_t after = match.end;
  return after >= text.size() || !text::is_word_character(text::next_code_point(text, after));
}

Detector substring_detector(const std::string& substring, const SubstringRules& rules) {
  Detector detector{.pattern =
                        (rules.case_sensitive ? "" : "(?i)") + re2::RE2::QuoteMeta(substring)};
  if (rules.match == SubstringRules::Match::kString) return detector;
  detector.lookahead = Lookahead::kOneCharacter;
  detector.rejected = Detector::Rejected::kLookInside;
  detector.refine = [](const Candidate& candidate, std::vector<Finding>& found) {
    if (stands_alone(candidate)) found.push_back(candidate.match);
  };
  return detector;
}

std::string replace_all(std::string_view text, const std::vector<Finding>& found) {
  std::string out;
  std::size_t at = 0;
  for (const Finding& each : found) {
    out.append(text.substr(at, each.begin - at)).append(kRedacted);
    at = each.end;
  }
  return out.append(text.substr(at));
}

Result<Scanner> compile(const SubstringRules& rules, Action action) {
  std::vector<Detector> detectors;
  for (std::size_t i = 0; i < rules.substrings.size(); ++i) {
    detectors.push_back(substring_detector(rules.substrings[i], rules));
    detectors.back().kind = static_cast<int>(i);
  }
  const std::size_t wanted = detectors.size();
  ASSIGN_OR_RETURN(Finder finder, Finder::create(std::move(detectors)));
  if (!rules.contains_all) return finding(std::move(finder), action, redacted);
  Scanner scanner = whole(
      [finder, wanted](std::string_view text) -> WholeVerdict {
        const Scan scan = finder.scan(text, 0, Ending::kEnd);
        std::vector<bool> seen(wanted);
        for (const Finding& each : scan.findings) seen[static_cast<std::size_t>(each.kind)] = true;
        if (!std::ranges::all_of(seen, std::identity())) return {};
        return {.hit = true, .replaced = replace_all(text, merge_overlapping(scan.findings))};
      },
      action);
  scanner.reach = Reach::kEveryText;
  return scanner;
}

Result<Scanner> compile(const InvisibleRules&, Action action) {
  return Scanner{.type = {}, .action = action, .make_stage = [action] {
                   return make_invisible_stage(action);
                 }};
}

// Compiled once for the process: no policy changes these patterns.
const Finder& secret_finder() {
  static const Finder finder = *Finder::create(secret_detectors());
  return finder;
}

Result<Scanner> compile(const SecretRules& rules, Action action) {
  const SecretStyle style = rules.style;
  return Scanner{.type = {}, .action = action, .make_stage = [action, style] {
                   return make_secrets_stage(
                       secret_finder(), action,
                       [style](int, std::string_view found) { return mask_secret(style, found); });
                 }};
}

Result<Scanner> compile(const SensitiveRules& rules, Action action) {
  ASSIGN_OR_RETURN(Finder finder, Finder::create(sensitive_detectors(rules.detectors)));
  return finding(std::move(finder), action, [](int kind, std::string_view) {
    return std::string(placeholder_of(static_cast<Sensitive>(kind)));
  });
}

Result<Scanner> compile(const JsonRules& rules, Action action) {
  return whole(
      [rules](std::string_view text) -> WholeVerdict {
        const Leniency leniency = rules.repair ? Leniency::kMended : Leniency::kStrict;
        const auto objects = find_objects(text);
        const bool valid = std::ranges::all_of(
            objects, [&](std::string_view each) { return is_object(each, leniency); });
        return {.hit = !valid || objects.size() < rules.required_elements};
      },
      action);
}

Result<Scanner> compile(const ReadingTimeRules& rules, Action action) {
  return whole(
      [rules](std::string_view text) -> WholeVerdict {
        std::vector<std::string_view> words = split_words(text);
        const double most = rules.minutes_max * kWordsPerMinute;
        if (static_cast<double>(words.size()) <= most) return {};
        if (!rules.truncate) return {.hit = true};
        words.resize(static_cast<std::size_t>(std::floor(most)));
        return {.hit = true, .replaced = fmt::format("{}", fmt::join(words, " "))};
      },
      action);
}

Result<Scanner> compile(const TokenRules& rules, Action action) {
  const std::size_t limit = rules.limit;
  return Scanner{.type = {}, .action = action, .reach = Reach::kContent, .make_stage = [=] {
                   return make_token_stage(limit, action);
                 }};
}

}  // namespace

Result<std::shared_ptr<const Policy>> load_policy(std::string_view yaml,
                                                  std::vector<std::string>* failed_types) {
  ASSIGN_OR_RETURN(PolicyRules rules, parse_policy(yaml, failed_types));
  auto policy = std::make_shared<Policy>();
  policy->block_message = std::move(rules.block_message);
  policy->warnings = std::move(rules.warnings);
  policy->sha256 = sha256_hex(yaml);
  std::vector<std::string> problems;
  for (const ScannerRules& each : rules.scanners) {
    auto scanner =
        std::visit([&](const auto& kind) { return compile(kind, each.action); }, each.rules);
    if (!scanner) {
      problems.push_back(fmt::format("scanner {} ({}): {}",
                                     policy->scanners.size() + problems.size() + 1, each.type,
                                     scanner.error().message));
      if (failed_types != nullptr) failed_types->push_back(each.type);
      continue;
    }
    scanner->type = each.type;
    policy->scanners.push_back(*std::move(scanner));
  }
  if (!problems.empty()) return fail(ErrorCode::kInvalidArgument, join(problems, "; "));
  return std::shared_ptr<const Policy>(std::move(policy));
}

}  // namespace rage::guardrails
