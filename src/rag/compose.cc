#include "rag/compose.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "rag/compose_words.h"
#include "rag/question_fields.h"
#include "rag/question_passage.h"
#include "text/sentences.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr std::string_view kSources = "The indexed documents";
constexpr std::size_t kAboutBytesMax = 480;
constexpr std::size_t kShortBytesMax = 780;
constexpr std::size_t kAbsentMax = 3;
constexpr float kCloseDense = 0.40F;

class Composer {
 public:
  Composer(const Query& query, const CorpusIndex& corpus, const Selection& selection,
           const Evidence& evidence)
      : query_(query), corpus_(corpus), selection_(selection), evidence_(evidence) {}

  Composed compose() {
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

 private:
  const Record& record(RecordId id) const { return corpus_.records()[id]; }
  std::string title(RecordId id) const {
    const Record& r = record(id);
    return r.title.empty() ? "an untitled document" : in_quotes(r.title);
  }
  // "[2]"; numbers in order of first use.
  std::string cite(RecordId id) {
    auto found = std::ranges::find(out_.cited, id);
    if (found == out_.cited.end()) found = out_.cited.insert(found, id);
    return fmt::format("[{}]", found - out_.cited.begin() + 1);
  }
  std::string_view noun(bool plural) const {
    const bool event = corpus_.has_role(FieldRole::kStart);
    if (event) return plural ? "sessions" : "session";
    return plural ? "entries" : "entry";
  }

  // --- Refusals ---

  void abstain(std::string text) {
    out_.kind = PlanKind::kAbstain;
    out_.text = std::move(text);
  }

  void absent() {
    std::vector<std::string> names;
    for (const std::string& name : selection_.absent) {
      if (names.size() < kAbsentMax) names.push_back(in_quotes(text::take_code_points(name, 80)));
    }
    abstain(fmt::format("{} do not mention {}.", kSources, and_list(names)));
  }

  std::string constraint_text() const {
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

  void no_match() {
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

  void no_passage() {
    std::string text = fmt::format("{} do not say this", kSources);
    if (selection_.records.size() == 1) {
      const RecordId id = selection_.records[0];
      text += fmt::format(" about {}. {}", title(id), cite(id));
    } else {
      text += '.';
    }
    abstain(std::move(text));
  }

  // What was described may be one of these: said as no more than that.
  void perhaps() {
    std::string text =
        fmt::format("{} do not answer this question for certain. Closest:", kSources);
    for (const RecordId id : selection_.nearest) {
      const std::string line = describe_record(corpus_, id, query_.asked_fields);
      if (text.size() + line.size() > kShortBytesMax) break;
      text += fmt::format("\n- {} {}", line, cite(id));
    }
    abstain(std::move(text));
  }

  void not_found() {
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

  // --- Answers ---

  void passage() {
    const RecordId id = selection_.records[0];
    out_.text = fmt::format("{}: “{}” {}", title(id), selection_.passage, cite(id));
    const std::string line = describe_record(corpus_, id);
    if (corpus_.structured() && line.size() > title(id).size())
      out_.text += fmt::format("\n{} {}", line, cite(id));
  }

  void lines(const std::vector<RecordId>& ids) {
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

  void records() {
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
    out_.text = fmt::format("{} {} {}:", ids.size(), noun(ids.size() != 1),
                            ids.size() == 1 ? "fits" : "fit");
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

  bool asks_when() const {
    return query_.asks(kAskedWhen | kAskedTime | kAskedEnd | kAskedDay | kAskedDuration);
  }

  // What was asked for and is not known of this record: "who presents it".
  std::vector<std::string> missing(RecordId id) const {
    const Record& r = record(id);
    std::vector<std::string> parts;
    if (query_.asks(kAskedWho) && corpus_.has_role(FieldRole::kPerson) && r.persons.empty())
      parts.emplace_back("by whom it is");
    if (query_.asks(kAskedWhere) && r.places.empty()) parts.emplace_back("where it is");
    if (asks_when() && missing_time(r)) parts.emplace_back("when it is");
    if (query_.asks(kAskedUrl) && r.url.empty()) parts.emplace_back("its address");
    if (query_.asks(kAskedCategory) && !has_asked_field(r)) {
      parts.push_back("its " + to_lower_ascii(corpus_.schema()[query_.asked_fields.front()].key));
    }
    return parts;
  }
  bool missing_time(const Record& r) const {
    if (query_.asks(kAskedEnd | kAskedDuration)) return !r.end;
    if (query_.asks(kAskedTime)) return !r.start;
    if (query_.asks(kAskedDay)) return !r.date;
    return !r.date && !r.start;
  }
  bool has_asked_field(const Record& r) const {
    const auto asked = [&](const FieldValue& value) {
      return std::ranges::find(query_.asked_fields, value.field) != query_.asked_fields.end();
    };
    return std::ranges::any_of(r.categories, asked) || std::ranges::any_of(r.others, asked);
  }
  std::size_t asked_things() const {
    std::size_t count = 0;
    if (query_.asks(kAskedWho)) ++count;
    if (query_.asks(kAskedWhere)) ++count;
    if (asks_when()) ++count;
    if (query_.asks(kAskedUrl)) ++count;
    if (query_.asks(kAskedCategory)) ++count;
    return count;
  }
  bool misses_all(RecordId id) const {
    const std::size_t lacks = missing(id).size();
    return lacks > 0 && lacks >= asked_things();
  }

  void one(RecordId id) {
    const std::vector<std::string> lacks = missing(id);
    if (!lacks.empty() && misses_all(id)) {
      abstain(
          fmt::format("{} do not say {} ({}). {}", kSources, and_list(lacks), title(id), cite(id)));
      return;
    }
    const Record& r = record(id);
    std::vector<std::string> sentences;
    if (query_.asks(kAskedAbout) || query_.open || (query_.asked == 0 && !has_slot(r)))
      sentences.push_back(about(id));
    const std::string by = by_sentence(id);
    const std::string slot = slot_sentence(id, by.empty());
    // The fact asked for comes first.
    if (query_.asks(kAskedWho) || slot.empty() || query_.asks(kAskedTitle) ||
        !query_.asks(kAskedWhere | kAskedWhen | kAskedTime | kAskedEnd | kAskedDay)) {
      sentences.push_back(by);
      sentences.push_back(slot);
    } else {
      sentences.push_back(slot_sentence(id, true));
      sentences.push_back(by);
    }
    if (query_.asks(kAskedDuration) && r.start && r.end && *r.end > *r.start) {
      sentences.insert(sentences.begin(),
                       fmt::format("{} lasts {}.", title(id), duration_of(*r.end - *r.start)));
    }
    if (query_.asks(kAskedCategory)) sentences.insert(sentences.begin(), field_sentence(id));
    if (query_.asks(kAskedUrl) && !r.url.empty())
      sentences.push_back(fmt::format("Address: {}", r.url));
    if (!lacks.empty())
      sentences.push_back(fmt::format("{} do not say {}.", kSources, and_list(lacks)));
    std::erase(sentences, std::string());
    if (sentences.empty()) sentences.push_back(about(id));
    out_.text = join(sentences, " ") + " " + cite(id);
  }

  static bool has_slot(const Record& r) {
    return !r.persons.empty() || !r.places.empty() || r.date || r.start;
  }

  std::string about(RecordId id) const {
    const Record& r = record(id);
    std::string text;
    for (const text::TextSpan& span : text::split_sentences(r.body)) {
      const std::string_view sentence = span.of(r.body);
      if (!text.empty() && text.size() + sentence.size() > kAboutBytesMax) break;
      text += (text.empty() ? "" : " ") + std::string(sentence);
      if (text.size() > kAboutBytesMax) break;
    }
    return fmt::format("{}: {}", title(id), text);
  }

  std::string by_sentence(RecordId id) const {
    const Record& r = record(id);
    if (r.persons.empty()) return fmt::format("The {} is {}.", noun(false), title(id));
    return fmt::format("{} {} by {}.", title(id),
                       corpus_.has_role(FieldRole::kStart) ? "is presented" : "is",
                       and_list(r.persons));
  }

  std::string slot_sentence(RecordId id, bool named) const {
    const Record& r = record(id);
    if (r.places.empty() && !r.date && !r.start) return {};
    if (const std::string label = date_label(corpus_); !label.empty())
      return dated_sentence(r, named ? title(id) : "It", label);
    std::string text =
        (named ? title(id) : "It") + std::string(r.start || r.date ? " takes place" : " is");
    if (!r.places.empty()) text += " in " + and_list(r.places);
    if (r.date) text += " on " + render_date(*r.date);
    if (r.start && r.end)
      text += fmt::format(", from {} to {}", render_time(*r.start), render_time(*r.end));
    if (r.start && !r.end) text += " at " + render_time(*r.start);
    return text + ".";
  }

  // Of what has a date but takes no place: "It is in the Mill Store. Released: May 6, 2021."
  static std::string dated_sentence(const Record& r, const std::string& subject,
                                    const std::string& label) {
    std::string text;
    if (!r.places.empty()) text = fmt::format("{} is in {}.", subject, and_list(r.places));
    if (!r.date) return text;
    const std::string date = fmt::format("{}: {}.", label, render_date(*r.date));
    if (text.empty()) return subject + " – " + date;
    return text + " " + capitalized(date);
  }

  std::string field_sentence(RecordId id) const {
    const Record& r = record(id);
    std::vector<std::string> parts;
    for (const std::size_t field : query_.asked_fields) {
      const std::string value = values_of(r, field);
      if (!value.empty())
        parts.push_back(fmt::format("{}: {}", corpus_.schema()[field].key, value));
    }
    if (parts.empty()) return {};
    return fmt::format("{} – {}.", title(id), join(parts, "; "));
  }

  // --- Comparisons ---

  void compare() {
    const auto& ids = selection_.records;
    const bool pair = selection_.groups.size() == 2 && ids.size() == 2;
    switch (query_.comparison) {
      case Comparison::kOrder:
        order(ids);
        break;
      case Comparison::kOverlap:
        overlap(ids, pair);
        break;
      case Comparison::kSamePlace:
        same(ids, "in the same place", [this](RecordId a, RecordId b) {
          return record(a).places == record(b).places && !record(a).places.empty();
        });
        break;
      case Comparison::kSameDay:
        same(ids, "on the same day", [this](RecordId a, RecordId b) {
          return record(a).date == record(b).date && record(a).date;
        });
        break;
      case Comparison::kNone:
        if (query_.extreme) {
          furthest(ids);
        } else {
          out_.text = fmt::format("{} {}:", ids.size(), noun(true));
        }
        break;
    }
    if (out_.kind != PlanKind::kAbstain) lines(ids);
  }

  // "Which is lighter, A or B?"
  void furthest(const std::vector<RecordId>& ids) {
    std::optional<RecordId> best;
    std::optional<Amount> limit;
    bool tie = false;
    for (const RecordId id : ids) {
      const auto number = number_of(record(id), query_.extreme->field);
      if (!number || (limit && limit->unit != number->unit)) {
        abstain(fmt::format("{} do not say its {} ({}). {}", kSources,
                            corpus_.schema()[query_.extreme->field].key, title(id), cite(id)));
        return;
      }
      tie = tie || (limit && number->value == limit->value);
      const bool better = !limit || (query_.extreme->smallest ? number->value < limit->value
                                                              : number->value > limit->value);
      if (better) tie = false;
      if (better) best = id;
      if (better) limit = number;
    }
    const std::string& key = corpus_.schema()[query_.extreme->field].key;
    const std::string_view degree = query_.extreme->smallest ? "lowest" : "highest";
    out_.text = tie ? fmt::format("The {} {} is the same:", degree, key)
                    : fmt::format("{} has the {} {}:", title(*best), degree, key);
  }

  bool all_timed(const std::vector<RecordId>& ids) {
    for (const RecordId id : ids) {
      if (record(id).date && (record(id).start || !corpus_.has_role(FieldRole::kStart))) continue;
      abstain(fmt::format("{} do not say when {} is. {}", kSources, title(id), cite(id)));
      return false;
    }
    return true;
  }

  void order(const std::vector<RecordId>& ids) {
    if (!all_timed(ids)) return;
    const Record& a = record(ids[0]);
    const Record& b = record(ids[1]);
    const bool tie = a.date == b.date && a.start == b.start;
    out_.text = tie ? "They come at the same time:"
                    : fmt::format("{} comes first. In order:", title(ids[0]));
  }

  bool overlapping(RecordId x, RecordId y) const {
    const Record& a = record(x);
    const Record& b = record(y);
    return a.date == b.date && *a.start < b.end.value_or(*b.start + 1) &&
           *b.start < a.end.value_or(*a.start + 1);
  }

  void overlap(const std::vector<RecordId>& ids, bool pair) {
    if (!all_timed(ids)) return;
    bool any = false;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (std::size_t k = i + 1; k < ids.size(); ++k) any = any || overlapping(ids[i], ids[k]);
    }
    if (any) {
      out_.text = pair ? "They overlap:" : "Some of them overlap:";
    } else {
      out_.text = "There is no overlap between them:";
    }
  }

  template <class Equal>
  void same(const std::vector<RecordId>& ids, std::string_view what, Equal equal) {
    bool all = true;
    for (const RecordId id : ids) all = all && equal(ids[0], id);
    out_.text = all ? fmt::format("They are {}:", what)
                    : fmt::format("They are listed differently, not {}:", what);
  }

  const Query& query_;
  const CorpusIndex& corpus_;
  const Selection& selection_;
  const Evidence& evidence_;
  Composed out_;
};

}  // namespace

Composed compose_answer(const Query& query, const CorpusIndex& corpus, const Selection& selection,
                        const Evidence& evidence) {
  return Composer(query, corpus, selection, evidence).compose();
}

}  // namespace rage::rag
