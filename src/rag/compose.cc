#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "rag/compose_words.h"
#include "rag/composer.h"
#include "rag/question_fields.h"
#include "text/sentences.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr std::size_t kShortBytesMax = 780;
constexpr std::size_t kAbsentMax = 3;
constexpr float kCloseDense = 0.40F;

}  // namespace

Composed Composer::compose() {
  switch (selection_.finding) {
    case Finding::kAbsent:
      absent();
      break;
    case Finding::kNoMatch:
      no_match();
      break;
    case Finding::kNoPassage:
      no_passage();
      break;
    case Finding::kNotFound:
      not_found();
      break;
    case Finding::kPassage:
      passage();
      break;
    case Finding::kCompare:
      compare();
      break;
    case Finding::kRecords:
      records();
      break;
  }
  return std::move(out_);
}

std::string Composer::title(RecordId id) const {
  const Record& r = record(id);
  return r.title.empty() ? "an untitled document" : in_quotes(r.title);
}

std::string Composer::cite(RecordId id) {
  auto found = std::ranges::find(out_.cited, id);
  if (found == out_.cited.end()) found = out_.cited.insert(found, id);
  return fmt::format("[{}]", found - out_.cited.begin() + 1);
}

std::string_view Composer::noun(bool plural) const {
  const bool event = corpus_.has_role(FieldRole::kStart);
  if (event) return plural ? "sessions" : "session";
  return plural ? "entries" : "entry";
}

void Composer::abstain(std::string text) {
  out_.kind = PlanKind::kAbstain;
  out_.text = std::move(text);
}

void Composer::absent() {
  std::vector<std::string> names;
  for (const std::string& name : selection_.absent) {
    if (names.size() < kAbsentMax) names.push_back(in_quotes(text::take_code_points(name, 80)));
  }
  abstain(fmt::format("{} do not mention {}.", kSources, and_list(names)));
}

std::string Composer::constraint_text() const {
  std::vector<std::string> parts;
  for (const std::uint32_t id : query_.persons) parts.push_back(corpus_.facets()[id].value);
  for (const CategoryMention& mention : query_.categories)
    parts.push_back(in_quotes(corpus_.facets()[mention.facets[0]].value));
  for (const std::uint32_t id : query_.places) parts.push_back(corpus_.facets()[id].value);
  for (const std::string& day : query_.weekdays) {
    std::string name = day;
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    parts.push_back(name);
  }
  for (const Date& date : query_.dates) parts.push_back(render_date(date));
  for (const TimeConstraint& time : query_.times) parts.push_back(render_time(time.minutes));
  return and_list(parts);
}

void Composer::no_match() {
  const std::string constraints = constraint_text();
  std::string text = constraints.empty()
                         ? fmt::format("{} do not list an entry that fits.", kSources)
                         : fmt::format("{} do not list an entry that fits {} and the question.",
                                       kSources, constraints);
  if (!selection_.records.empty()) {
    text += " Related:";
    for (std::size_t i = 0; i < selection_.records.size() && i < 5; ++i) {
      text += fmt::format("{} {} {}", i > 0 ? "," : "", title(selection_.records[i]),
                          cite(selection_.records[i]));
    }
    text += '.';
  }
  abstain(std::move(text));
}

void Composer::no_passage() {
  std::string text = fmt::format("{} do not say this", kSources);
  if (selection_.records.size() == 1) {
    const RecordId id = selection_.records[0];
    text += fmt::format(" about {}. {}", title(id), cite(id));
  } else {
    text += '.';
  }
  abstain(std::move(text));
}

void Composer::perhaps() {
  std::string text = fmt::format("{} do not answer this question for certain. Closest:", kSources);
  for (const RecordId id : selection_.nearest) {
    const std::string line = describe_record(corpus_, id, query_.asked_fields);
    if (text.size() + line.size() > kShortBytesMax) break;
    text += fmt::format("\n- {} {}", line, cite(id));
  }
  abstain(std::move(text));
}

void Composer::not_found() {
  if (!selection_.nearest.empty()) {
    perhaps();
    return;
  }
  std::string text = fmt::format("{} do not answer this question.", kSources);
  std::vector<std::pair<float, RecordId>> near;
  for (const auto& [id, scores] : evidence_) {
    if (scores.dense && *scores.dense >= kCloseDense && !record(id).title.empty())
      near.emplace_back(-*scores.dense, id);
  }
  std::ranges::sort(near);
  if (!near.empty()) {
    text += " Closest:";
    for (std::size_t i = 0; i < near.size() && i < 2; ++i) {
      text +=
          fmt::format("{} {} {}", i > 0 ? "," : "", title(near[i].second), cite(near[i].second));
    }
    text += '.';
  }
  abstain(std::move(text));
}

void Composer::passage() {
  const RecordId id = selection_.records[0];
  out_.text = fmt::format("{}: “{}” {}", title(id), selection_.passage, cite(id));
  const std::string line = describe_record(corpus_, id);
  if (corpus_.structured() && line.size() > title(id).size())
    out_.text += fmt::format("\n{} {}", line, cite(id));
}

void Composer::lines(const std::vector<RecordId>& ids) {
  // Whoever asked for one thing wants no catalogue.
  const std::size_t bytes_max =
      query_.list || selection_.exhaustive || selection_.finding == Finding::kCompare
          ? std::string::npos
          : kShortBytesMax;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string next = describe_record(corpus_, ids[i], query_.asked_fields);
    if (i == kListLinesMax || (i > 0 && out_.text.size() + next.size() > bytes_max)) {
      out_.text += fmt::format("\n… and {} more.", ids.size() - i);
      return;
    }
    out_.text += fmt::format("\n- {} {}", next, cite(ids[i]));
  }
}

void Composer::records() {
  const auto& ids = selection_.records;
  if (ids.size() == 1 && selection_.running.empty() && selection_.mentions.empty()) {
    one(ids[0]);
    return;
  }
  // Nobody is told who, where or when: a list of titles would only look like an answer.
  if (!query_.list && std::ranges::all_of(ids, [&](RecordId id) { return misses_all(id); })) {
    no_passage();
    return;
  }
  out_.text =
      fmt::format("{} {} {}:", ids.size(), noun(ids.size() != 1), ids.size() == 1 ? "fits" : "fit");
  lines(ids);
  if (!selection_.running.empty()) {
    out_.text += "\nAlready under way at that time:";
    for (std::size_t i = 0; i < selection_.running.size() && i < kListLinesMax; ++i) {
      if (!query_.list &&
          out_.text.size() + record(selection_.running[i]).title.size() > kShortBytesMax)
        break;
      out_.text += fmt::format("{} {} {}", i > 0 ? "," : "", title(selection_.running[i]),
                               cite(selection_.running[i]));
    }
    out_.text += '.';
  }
  if (!selection_.mentions.empty()) {
    out_.text += "\nAlso mentioned in the text of:";
    lines(selection_.mentions);
  }
}

Composed compose_answer(const Query& query, const CorpusIndex& corpus, const Selection& selection,
                        const Evidence& evidence) {
  return Composer(query, corpus, selection, evidence).compose();
}

}  // namespace rage::rag
