#include "text/detail/span_tree.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "text/unicode.h"

namespace rage::text::detail {
namespace {

constexpr std::size_t kTooMany = std::numeric_limits<std::size_t>::max();
// A text of more bytes a token is not worth counting: it does not fit.
constexpr std::size_t kBytesPerToken = 16;
constexpr std::size_t kTitleCodePoints = 120;
constexpr std::size_t kTitlesMax = 12;  // The innermost; those that have none count too.
// Levels of one branch that are counted: a text of nothing but brackets must stay linear.
constexpr std::size_t kCountedLevelsMax = 32;

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos;
}

TextSpan trimmed(std::string_view text, TextSpan span) {
  const std::string_view part = span.of(text);
  const std::size_t first = part.find_first_not_of(" \t\r\n\f\v");
  if (first == std::string_view::npos) return {.begin = span.begin, .end = span.begin};
  return {.begin = span.begin + first,
          .end = span.begin + part.find_last_not_of(" \t\r\n\f\v") + 1};
}

// Nothing to read: "}", "});", "---".
bool is_only_marks(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
  });
}

struct Unit {
  TextSpan span;
  std::size_t tokens = 0;
};

// What waits to become a chunk.
struct Pending {
  std::vector<Unit> units = {};
  std::size_t tokens = 0;

  void push(Unit unit) {
    units.push_back(unit);
    tokens += unit.tokens;
  }
  // Keeps the units before `from` and returns the others.
  Pending take_from(std::size_t from) {
    Pending taken;
    for (std::size_t i = from; i < units.size(); ++i) taken.push(units[i]);
    units.resize(from);
    tokens -= taken.tokens;
    return taken;
  }
};

// One packing. One thread.
class Packer final {
 public:
  Packer(std::string_view text, const ChunkOptions& options, const TokenCounter& count_tokens)
      : text_(text),
        tokens_max_(std::max<std::size_t>(options.tokens_max, 1)),
        // Room for the context, which is what an embedder knows of a chunk's place.
        budget_(std::max<std::size_t>(tokens_max_ - tokens_max_ / 8, 1)),
        overlap_(options.tokens_overlap),
        count_tokens_(count_tokens) {}

  std::vector<StructuredChunk> run(const SpanNode& root) {
    const TextSpan whole = trimmed(text_, {.begin = 0, .end = text_.size()});
    if (whole.begin == whole.end) return {};
    if (count(whole) <= tokens_max_) {
      emit(whole);
    } else if (root.children.empty()) {
      split_leaf(whole);
    } else {
      split(root, whole, {}, Place{.root = true});
    }
    return std::move(chunks_);
  }

 private:
  struct Place {
    bool root = false;
    std::size_t counted = 0;  // Levels above that were counted.
  };

  // kTooMany if it is clear without counting.
  std::size_t count(TextSpan span) const {
    if (span.end - span.begin > kBytesPerToken * tokens_max_) return kTooMany;
    return count_tokens_(span.of(text_));
  }

  // The children's spans without gaps: what lies between two belongs to the second, if it is more
  // than white space.
  std::vector<TextSpan> filled(const SpanNode& node, TextSpan own) const {
    std::vector<TextSpan> spans;
    std::size_t at = own.begin;
    for (const SpanNode& child : node.children) {
      // A child of white space alone may lie before `own`, which begins with words.
      TextSpan span = {.begin = std::max(child.span.begin, at),
                       .end = std::max(child.span.end, at)};
      if (!is_blank(TextSpan{.begin = at, .end = span.begin}.of(text_))) span.begin = at;
      spans.push_back(span);
      at = span.end;
    }
    if (at < own.end && !is_blank(TextSpan{.begin = at, .end = own.end}.of(text_))) {
      spans.back().end = own.end;
    }
    return spans;
  }

  // `own` is the node's span with what belongs to it; `pending` has what was before it and goes
  // with it.
  void split(const SpanNode& node, TextSpan own, Pending pending, Place place) {
    const std::vector<TextSpan> spans = filled(node, own);
    const std::size_t begin = pending.units.empty() ? own.begin : pending.units[0].span.begin;
    for (std::size_t first = 0; first < spans.size();) {
      std::size_t last = first;
      while (last + 1 < spans.size() &&
             (node.children[last].with_next || node.children[last + 1].with_previous)) {
        ++last;
      }
      const TextSpan group = {.begin = spans[first].begin, .end = spans[last].end};
      if (const std::size_t tokens = count(group); tokens <= budget_) {
        append(pending, {.span = group, .tokens = tokens});
      } else {
        split_group(node, std::span(spans).subspan(first, last - first + 1), first, begin, pending,
                    place);
      }
      first = last + 1;
    }
    flush(pending);
  }

  // What belongs together and is too large for that.
  void split_group(const SpanNode& node, std::span<const TextSpan> spans, std::size_t first,
                   std::size_t begin, Pending& pending, Place place) {
    for (std::size_t i = 0; i < spans.size(); ++i) {
      const SpanNode& child = node.children[first + i];
      const std::size_t tokens = count(spans[i]);
      if (tokens <= budget_) {
        if (child.with_previous && pending.units.empty() && extend_last(spans[i])) continue;
        append(pending, {.span = spans[i], .tokens = tokens});
        continue;
      }
      Pending lead = take_lead(pending, spans.front().begin, begin, place);
      flush(pending);
      if (tokens != kTooMany) ++place.counted;
      if (child.children.empty() || place.counted > kCountedLevelsMax) {
        split_leaf({.begin = lead.units.empty() ? spans[i].begin : lead.units[0].span.begin,
                    .end = spans[i].end});
        continue;
      }
      titles_.push_back(child.title);
      split(child, spans[i], std::move(lead), {.counted = place.counted});
      titles_.pop_back();
    }
  }

  // Of what waits, what goes with the node that begins now: comments before it, and the head of the
  // definition that it is the body of.
  Pending take_lead(Pending& pending, std::size_t group_begin, std::size_t node_begin,
                    Place place) const {
    const auto& units = pending.units;
    if (units.empty()) return {};
    const bool head =
        !place.root && units[0].span.begin == node_begin && pending.tokens <= budget_ / 4;
    std::size_t from = 0;
    while (!head && from < units.size() && units[from].span.begin < group_begin) ++from;
    Pending lead = pending.take_from(from);
    if (lead.tokens <= budget_ / 2) return lead;
    for (const Unit& unit : lead.units) pending.push(unit);  // Too much to go along.
    return {};
  }

  void append(Pending& pending, Unit unit) {
    if (pending.tokens + unit.tokens > budget_) flush(pending);
    pending.push(unit);
  }

  void flush(Pending& pending) {
    emit_units(pending.units);
    pending = {};
  }

  // Counts need not add up: halved until it fits.
  void emit_units(std::span<const Unit> units) {
    if (units.empty()) return;
    const TextSpan span = {.begin = units.front().span.begin, .end = units.back().span.end};
    if (units.size() > 1 && count(span) > tokens_max_) {
      emit_units(units.first(units.size() / 2));
      emit_units(units.subspan(units.size() / 2));
      return;
    }
    if (is_only_marks(span.of(text_)) && extend_last(span)) return;
    emit(span);
  }

  // A piece of prose, or what cannot be looked into.
  void split_leaf(TextSpan span) {
    const std::size_t most = titles_.empty() ? tokens_max_ : budget_;
    const ChunkOptions options{.tokens_max = most, .tokens_overlap = overlap_};
    for (const TextSpan part : split_into_chunks(span.of(text_), options, count_tokens_)) {
      emit({.begin = span.begin + part.begin, .end = span.begin + part.end});
    }
  }

  bool extend_last(TextSpan span) {
    if (chunks_.empty()) return false;
    StructuredChunk& last = chunks_.back();
    const TextSpan joined = {.begin = last.span.begin, .end = span.end};
    if (count(joined) > budget_) return false;
    last.span = trimmed(text_, joined);
    last.context = fitting(std::move(last.context), last.span);
    return true;
  }

  void emit(TextSpan span) {
    span = trimmed(text_, span);
    if (span.begin == span.end) return;
    chunks_.push_back({.span = span, .context = context_of(span)});
  }

  std::string context_of(TextSpan span) const {
    std::string context;
    std::size_t before = kTooMany;
    const std::size_t from = titles_.size() - std::min(titles_.size(), kTitlesMax);
    for (const TextSpan title : std::span(titles_).subspan(from)) {
      // Two nodes that begin together have the same first line.
      if (title.begin == title.end || title.begin >= span.begin || title.begin == before) continue;
      before = title.begin;
      if (!context.empty()) context += '\n';
      context += take_code_points(trimmed(text_, title).of(text_), kTitleCodePoints);
    }
    return fitting(std::move(context), span);
  }

  // Without the outermost lines that there is no room for beside the chunk.
  std::string fitting(std::string context, TextSpan span) const {
    while (!context.empty()) {
      if (count_tokens_(context + "\n" + std::string(span.of(text_))) <= tokens_max_) break;
      context.erase(0, std::min(context.find('\n'), context.size() - 1) + 1);
    }
    return context;
  }

  const std::string_view text_;
  const std::size_t tokens_max_;
  const std::size_t budget_;  // Of a chunk without its context.
  const std::size_t overlap_;
  const TokenCounter& count_tokens_;
  std::vector<TextSpan> titles_;  // Of the nodes around the one that is being split.
  std::vector<StructuredChunk> chunks_;
};

}  // namespace

std::vector<StructuredChunk> pack_spans(std::string_view text, const SpanNode& root,
                                        const ChunkOptions& options,
                                        const TokenCounter& count_tokens) {
  return Packer(text, options, count_tokens).run(root);
}

}  // namespace rage::text::detail
