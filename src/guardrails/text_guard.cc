#include "guardrails/text_guard.h"

#include <algorithm>
#include <utility>

#include "text/unicode.h"

namespace rage::guardrails {
namespace {

// How many bytes at the end may be the beginning of a character.
std::size_t partial_bytes(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) return 0;
    if (byte < 0xC0) continue;
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    return length > back ? back : 0;
  }
  return 0;
}

bool is_blank(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (!text::is_white_space(text::next_code_point(text, at))) return false;
  }
  return true;
}

}  // namespace

std::string_view name_of(FinalAction action) {
  switch (action) {
    case FinalAction::kAllow:
      return "allow";
    case FinalAction::kRedact:
      return "redact";
    case FinalAction::kBlock:
      return "block";
    case FinalAction::kFailClosed:
      return "fail_closed";
  }
  return "fail_closed";
}

void Outcome::add(const Outcome& other) {
  raise(other.action);
  hits.resize(std::max(hits.size(), other.hits.size()));
  for (std::size_t i = 0; i < other.hits.size(); ++i) hits[i] = hits[i] || other.hits[i];
}

TextGuard::TextGuard(const Policy& policy, Reach reach, Outcome& outcome) : outcome_(outcome) {
  outcome_.hits.resize(policy.scanners.size());
  for (std::size_t i = 0; i < policy.scanners.size(); ++i) {
    const Scanner& scanner = policy.scanners[i];
    if (scanner.reach == Reach::kContent && reach != Reach::kContent) continue;
    steps_.push_back({.scanner = i, .stage = scanner.make_stage()});
  }
}

std::string TextGuard::feed(std::string_view text) {
  if (blocked_) return {};
  bytes_ += text.size();
  if (bytes_ > kTextBytesMax) {
    outcome_.raise(FinalAction::kFailClosed);
    blocked_ = true;
    return {};
  }
  partial_ += text;
  const std::size_t whole = partial_.size() - partial_bytes(partial_);
  const std::string ready = text::to_valid_utf8(std::string_view(partial_).substr(0, whole));
  partial_.erase(0, whole);
  return take(ready);
}

std::string TextGuard::take(std::string_view text) {
  std::string out;
  if (begun_) {
    run(0, std::string(text), false, out);
    return out;
  }
  leading_ += text;
  if (is_blank(text)) return out;
  begun_ = true;
  run(0, std::exchange(leading_, {}), false, out);
  return out;
}

std::string TextGuard::finish() {
  if (blocked_) return {};
  std::string out;
  if (!partial_.empty()) out = take(text::to_valid_utf8(std::exchange(partial_, {})));
  if (blocked_) return out;
  if (!begun_) return std::exchange(leading_, {});
  run(0, {}, true, out);
  return out;
}

void TextGuard::run(std::size_t first, std::string text, bool ends, std::string& out) {
  for (std::size_t i = first; i < steps_.size(); ++i) {
    Stage& stage = *steps_[i].stage;
    std::string next;
    stage.feed(text, next);
    if (ends && !stage.blocked()) stage.finish(next);
    // The text ends here for those that come after, too.
    if (stage.blocked()) ends = blocked_ = true;
    text = std::move(next);
  }
  note_hits();
  out += text;
}

void TextGuard::note_hits() {
  for (const Step& step : steps_) {
    if (!step.stage->hit()) continue;
    outcome_.hits[step.scanner] = true;
    outcome_.raise(step.stage->blocked() ? FinalAction::kBlock : FinalAction::kRedact);
  }
}

std::optional<std::string> guard_text(const Policy& policy, Reach reach, std::string_view text,
                                      Outcome& outcome) {
  TextGuard guard(policy, reach, outcome);
  std::string shown = guard.feed(text);
  shown += guard.finish();
  if (guard.blocked()) return std::nullopt;
  return shown;
}

}  // namespace rage::guardrails
