#include "guardrails/finder.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <optional>

#include "text/unicode.h"

namespace rage::guardrails {
namespace {

constexpr std::int64_t kMemoryMax = std::int64_t{16} << 20;     // Of one pattern.
constexpr std::int64_t kAllMemoryMax = std::int64_t{64} << 20;  // Of all in one.

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

re2::RE2::Options options_for(std::int64_t memory_max) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(memory_max);
  return options;
}

std::optional<Finding> search(const re2::RE2& pattern, std::string_view text, std::size_t from) {
  re2::StringPiece match;
  if (!pattern.Match(piece(text), from, text.size(), re2::RE2::UNANCHORED, &match, 1)) return {};
  const auto begin = static_cast<std::size_t>(match.data() - text.data());
  return Finding{.begin = begin, .end = begin + match.size()};
}

std::size_t after_character(std::string_view text, std::size_t at) {
  if (at >= text.size()) return at + 1;
  (void)text::next_code_point(text, at);
  return at;
}

struct CompiledDetector {
  Detector detector;
  std::unique_ptr<re2::RE2> find;
};

// All matches of one detector that begin before `open`.
void search_one(const CompiledDetector& one, std::string_view text, std::size_t from,
                std::size_t open, std::vector<Finding>& findings,
                std::vector<Finding>& candidates) {
  const bool grouped = one.detector.value == Detector::Value::kFirstGroup;
  std::size_t at = from;
  while (at < text.size()) {
    re2::StringPiece groups[2];
    if (!one.find->Match(piece(text), at, text.size(), re2::RE2::UNANCHORED, groups,
                         grouped ? 2 : 1)) {
      break;
    }
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    Finding match{.begin = begin, .end = begin + groups[0].size(), .kind = one.detector.kind};
    if (match.begin >= open) break;
    if (match.end == match.begin) {
      at = after_character(text, match.begin);
      continue;
    }
    Finding value = match;
    if (grouped && groups[1].data() != nullptr) {
      value.begin = static_cast<std::size_t>(groups[1].data() - text.data());
      value.end = value.begin + groups[1].size();
    }
    const std::size_t before = findings.size();
    if (!one.detector.refine) {
      findings.push_back(value);
    } else {
      one.detector.refine({.text = text, .match = match, .value = value}, findings);
    }
    const bool look_inside =
        findings.size() == before && one.detector.rejected == Detector::Rejected::kLookInside;
    at = look_inside ? after_character(text, match.begin) : match.end;
    if (!look_inside) candidates.push_back(match);
  }
}

}  // namespace

struct Finder::Compiled {
  std::vector<CompiledDetector> detectors;
  std::unique_ptr<re2::RE2> open;  // Of all of them. Null: only in a whole text.
  // Which of them match at all. Null: with few, or where they do not fit into one.
  std::unique_ptr<re2::RE2::Set> any;

  // The detectors worth asking about a text.
  std::vector<int> candidates(std::string_view text) const;
};

std::vector<int> Finder::Compiled::candidates(std::string_view text) const {
  std::vector<int> found;
  re2::RE2::Set::ErrorInfo error{};
  if (any != nullptr) {
    if (any->Match(piece(text), &found, &error)) return found;
    if (error.kind == re2::RE2::Set::kNoError) return {};
    found.clear();  // Out of memory for its automaton.
  }
  for (std::size_t i = 0; i < detectors.size(); ++i) found.push_back(static_cast<int>(i));
  return found;
}

namespace {

Result<CompiledDetector> compile_detector(Detector detector) {
  if (detector.pattern.size() > kPatternBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "a pattern is longer than {} bytes", kPatternBytesMax);
  }
  auto find = std::make_unique<re2::RE2>(piece(detector.pattern), options_for(kMemoryMax));
  if (find->error_code() == re2::RE2::ErrorPatternTooLarge) {
    return fail(ErrorCode::kInvalidArgument, "the pattern is too large; simplify it");
  }
  if (!find->ok()) {
    return fail(ErrorCode::kInvalidArgument,
                "not a regular expression of RE2 (which has no look-around and no "
                "back-references): {}",
                find->error());
  }
  if (re2::RE2::FullMatch("", *find)) {
    return fail(ErrorCode::kInvalidArgument, "the pattern {} matches the empty text",
                detector.pattern);
  }
  return CompiledDetector{.detector = std::move(detector), .find = std::move(find)};
}

std::unique_ptr<re2::RE2> compile_open(const std::vector<CompiledDetector>& detectors) {
  std::string all;
  for (const CompiledDetector& one : detectors) {
    const auto open = open_pattern(one.detector.pattern, one.detector.lookahead);
    if (!open) return nullptr;
    constexpr std::size_t kEnd = 2;  // "\z"
    all += (all.empty() ? "(?:" : "|(?:") + open->substr(0, open->size() - kEnd) + ")";
  }
  auto compiled = std::make_unique<re2::RE2>("(?:" + all + ")\\z", options_for(kAllMemoryMax));
  if (!compiled->ok()) return nullptr;
  return compiled;
}

std::unique_ptr<re2::RE2::Set> compile_any(const std::vector<CompiledDetector>& detectors) {
  constexpr std::size_t kFew = 4;
  if (detectors.size() < kFew) return nullptr;
  auto any = std::make_unique<re2::RE2::Set>(options_for(kAllMemoryMax), re2::RE2::UNANCHORED);
  for (const CompiledDetector& one : detectors) {
    if (any->Add(piece(one.detector.pattern), nullptr) < 0) return nullptr;
  }
  if (!any->Compile()) return nullptr;
  return any;
}

}  // namespace

Result<Finder> Finder::create(std::vector<Detector> detectors) {
  auto compiled = std::make_shared<Compiled>();
  for (Detector& detector : detectors) {
    ASSIGN_OR_RETURN(auto one, compile_detector(std::move(detector)));
    compiled->detectors.push_back(std::move(one));
  }
  compiled->open = compile_open(compiled->detectors);
  compiled->any = compile_any(compiled->detectors);
  return Finder(std::move(compiled));
}

bool Finder::streams() const {
  return compiled_->open != nullptr;
}

Scan Finder::scan(std::string_view text, std::size_t from, Ending ending) const {
  Scan scan{.findings = {}, .decided = text.size()};
  if (ending == Ending::kMore) {
    if (compiled_->open == nullptr) return {.findings = {}, .decided = from};
    if (const auto open = search(*compiled_->open, text, from)) scan.decided = open->begin;
  }
  std::vector<Finding> candidates;
  for (const int index : compiled_->candidates(text)) {
    search_one(compiled_->detectors[static_cast<std::size_t>(index)], text, from, scan.decided,
               scan.findings, candidates);
  }
  // A candidate is taken or left as a whole: from its middle the search would go on differently.
  std::ranges::sort(candidates, std::ranges::greater(), &Finding::begin);
  for (const Finding& candidate : candidates) {
    if (candidate.begin < scan.decided && scan.decided < candidate.end) {
      scan.decided = candidate.begin;
    }
  }
  std::erase_if(scan.findings, [&](const Finding& each) { return each.begin >= scan.decided; });
  std::ranges::sort(scan.findings);
  return scan;
}

std::vector<Finding> merge_overlapping(std::vector<Finding> findings) {
  std::ranges::sort(findings);
  std::vector<Finding> merged;
  std::size_t longest = 0;  // Of those merged into the last.
  for (const Finding& each : findings) {
    const std::size_t length = each.end - each.begin;
    if (merged.empty() || each.begin >= merged.back().end) {
      merged.push_back(each);
      longest = length;
      continue;
    }
    if (length > longest) {
      merged.back().kind = each.kind;
      longest = length;
    }
    merged.back().end = std::max(merged.back().end, each.end);
  }
  return merged;
}

std::vector<Finding> find_all(const Finder& finder, std::string_view text) {
  return merge_overlapping(finder.scan(text, 0, Ending::kEnd).findings);
}

}  // namespace rage::guardrails
