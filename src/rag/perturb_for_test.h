// Sentences about the records of a structured corpus, true ones and ones with a fact that was
// tampered with: what an AnswerVerifier must show and what it must drop. Deterministic, pure.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "rag/corpus.h"
#include "rag/facts.h"
#include "rag/untrusted.h"
#include "text/sentences.h"

namespace rage::rag::for_test {

// Value. A sentence (or two, of which the last one counts) and the documents it may draw upon.
struct Statement {
  std::string kind;  // "room", "weekday form", ...
  bool faithful = false;
  std::string text;
  RecordId subject = 0;
  std::vector<RecordId> sources;  // The subject, the record a fact was taken from, others.
  // What is untrue in it, each time together: a part that has not all of one of these may be shown.
  // None given: no part may.
  std::vector<std::vector<std::string>> untrue;
};

using Slots = std::map<std::string, std::string, std::less<>>;

struct Template {
  std::string_view kind;
  std::string_view text;
};

inline constexpr std::array<Template, 35> kTemplates = {{
    {"speaker", "“{title}” is presented by {people}."},
    {"speaker", "The speaker of {title} is {person}."},
    {"speaker", "{person} speaks about {title}."},
    {"speaker", "{title} by {people}."},
    {"room", "{title} takes place in {room}."},
    {"room", "You can find “{title}” in {room}."},
    {"room", "The room for {title} is {room}."},
    {"24 hours", "{title} starts at {start}."},
    {"24 hours", "{title} runs from {start} to {end}."},
    {"24 hours", "“{title}” is in {room}, {start}–{end}."},
    {"12 hours", "{title} begins at {start12} on {weekday}."},
    {"12 hours", "“{title}” goes from {start12} until {end12}."},
    {"12 hours", "{title} ends at {end12}."},
    {"12 hours, compact", "{title} is at {start12c} in {room}."},
    {"weekday", "{title} is on {weekday}."},
    {"weekday", "On {weekday}, {person} presents “{title}”."},
    {"date", "{title} is on {monthday}."},
    {"date", "{title} will be held on {weekday}, {monthday}, {year}."},
    {"date", "“{title}” is scheduled for {iso} at {start}."},
    {"date", "{title} takes place on {daymonth} in {room}."},
    {"without a title", "{person} speaks in {room} at {start12}."},
    {"without a title", "On {weekday} at {start}, {person} gives a talk in {room}."},
    {"without a title", "{person} is in {room} on {monthday}."},
    {"other order", "In {room}, {person} presents “{title}” at {start12} on {weekday}."},
    {"other order", "At {start} on {monthday}, {room} hosts “{title}” by {people}."},
    {"other order", "{person}'s session {title} begins at {start} in {room}."},
    {"all facts",
     "{person} presents {title} in {room} on {weekday}, {monthday}, from {start} to "
     "{end}."},
    {"list line", "- **{title}** – {people}; {room}; {weekday}, {monthday}, {start}–{end}"},
    {"list line", "{start} {title} ({person}, {room})"},
    {"duration", "{title} lasts {minutes} minutes."},
    {"duration", "{title} takes {long}."},
    {"duration", "“{title}” is a {minutes}-minute session in {room}."},
    {"day part", "{title} is on {weekday} {part}."},
    {"category", "{title} belongs to the {category} track."},
    {"url", "More about {title} is at {url}"},
}};

// Slots that change together: another day has another weekday and another date.
inline const std::map<std::string, std::vector<std::string>, std::less<>>& slot_groups() {
  static const std::map<std::string, std::vector<std::string>, std::less<>> kGroups = {
      {"title", {"title"}},      {"speaker", {"person", "people"}},
      {"room", {"room"}},        {"day", {"weekday", "monthday", "daymonth", "iso"}},
      {"weekday", {"weekday"}},  {"start", {"start", "start12", "start12c"}},
      {"end", {"end", "end12"}}, {"duration", {"minutes", "long"}},
      {"day part", {"part"}},    {"category", {"category"}},
      {"url", {"url"}}};
  return kGroups;
}

inline std::string twelve_hours(int minutes) {
  const int hour = (minutes / 60 + 11) % 12 + 1;
  const std::string_view half = minutes < 12 * 60 ? "AM" : "PM";
  return minutes % 60 == 0 ? fmt::format("{} {}", hour, half)
                           : fmt::format("{}:{:02} {}", hour, minutes % 60, half);
}

inline Slots slots_of(const Record& record) {
  Slots slots;
  slots["title"] = record.title;
  if (!record.persons.empty()) {
    slots["person"] = record.persons.front();
    std::string people = record.persons.front();
    for (std::size_t i = 1; i < record.persons.size(); ++i)
      people += (i + 1 == record.persons.size() ? " and " : ", ") + record.persons[i];
    slots["people"] = std::move(people);
  }
  if (!record.places.empty()) slots["room"] = record.places.front();
  if (!record.categories.empty()) slots["category"] = record.categories.front().value;
  if (!record.url.empty()) slots["url"] = record.url;
  if (record.date) {
    const Date& date = *record.date;
    slots["weekday"] = weekday_name(date);
    slots["monthday"] = fmt::format("{} {}", month_name(date.month), date.day);
    slots["daymonth"] = fmt::format("{} {} {}", date.day, month_name(date.month), date.year);
    slots["iso"] = fmt::format("{}-{:02}-{:02}", date.year, date.month, date.day);
    slots["year"] = std::to_string(date.year);
  }
  if (record.start) {
    slots["start"] = render_time(*record.start);
    slots["start12"] = twelve_hours(*record.start);
    slots["start12c"] = to_lower_ascii(twelve_hours(*record.start));
    std::erase(slots["start12c"], ' ');
    slots["part"] = *record.start < 720    ? "morning"
                    : *record.start < 1020 ? "afternoon"
                                           : "evening";
  }
  if (record.end) {
    slots["end"] = render_time(*record.end);
    slots["end12"] = twelve_hours(*record.end);
  }
  if (record.start && record.end && *record.end > *record.start) {
    const int minutes = *record.end - *record.start;
    slots["minutes"] = std::to_string(minutes);
    slots["long"] = minutes == 60       ? "an hour"
                    : minutes == 90     ? "an hour and a half"
                    : minutes % 60 == 0 ? fmt::format("{} hours", minutes / 60)
                    : minutes > 60      ? fmt::format("1 hour and {} minutes", minutes - 60)
                                        : fmt::format("{} minutes", minutes);
  }
  std::erase_if(slots, [](const auto& slot) { return slot.second.empty(); });
  return slots;
}

// The template with its slots filled in; empty if the record lacks one. `used` gets their names.
inline std::string fill(std::string_view form, const Slots& slots, std::vector<std::string>* used) {
  std::string out;
  for (std::size_t at = 0; at < form.size();) {
    if (form[at] != '{') {
      out += form[at++];
      continue;
    }
    const std::size_t close = form.find('}', at);
    const std::string name(form.substr(at + 1, close - at - 1));
    const auto slot = slots.find(name);
    if (slot == slots.end()) return {};
    out += slot->second;
    if (used != nullptr) used->push_back(name);
    at = close + 1;
  }
  return out;
}

// The test bed of one corpus. `stride` takes every so many-th record only.
class Perturbations {
 public:
  explicit Perturbations(const CorpusIndex& corpus) : corpus_(corpus) {
    for (const Record& record : corpus.records()) slots_.push_back(slots_of(record));
  }

  std::vector<Statement> generate(std::size_t stride) {
    statements_.clear();
    for (RecordId id = 0; id < slots_.size(); id += static_cast<RecordId>(stride)) {
      add_templates(id);
      add_tampered(id);
      add_merged(id);
      add_invented(id);
      add_quotations(id);
    }
    return std::move(statements_);
  }

 private:
  std::vector<RecordId> sources_of(RecordId id, RecordId donor) const {
    std::vector<RecordId> ids;
    const auto count = static_cast<RecordId>(slots_.size());
    for (const RecordId one : {donor, id, (id + 1) % count, (id + 7) % count, (id + 31) % count}) {
      if (std::ranges::find(ids, one) == ids.end()) ids.push_back(one);
    }
    return ids;
  }
  void add_true(std::string_view kind, std::string text, RecordId id) {
    if (text.empty()) return;
    statements_.push_back({std::string(kind), true, std::move(text), id, sources_of(id, id), {}});
  }
  void add_false(std::string_view kind, std::string text, RecordId id, RecordId donor,
                 std::vector<std::vector<std::string>> untrue = {}) {
    if (text.empty()) return;
    statements_.push_back(
        {std::string(kind), false, std::move(text), id, sources_of(id, donor), std::move(untrue)});
  }

  // What of a statement no record has together: all of it, and each slot with the swapped ones.
  std::vector<std::vector<std::string>> untrue_together(
      const Slots& slots, const std::vector<std::string>& used,
      const std::vector<std::string>& swapped) const {
    std::vector<std::vector<std::string>> all;
    const auto add_if_untrue = [&](const std::vector<std::string>& names) {
      if (holds(slots, names)) return;
      auto& values = all.emplace_back();
      for (const std::string& name : names) values.push_back(slots.find(name)->second);
    };
    add_if_untrue(used);
    for (const std::string& name : used) {
      std::vector<std::string> names = swapped;
      names.push_back(name);
      add_if_untrue(names);
    }
    return all;
  }
  std::string fill_in(std::string_view form, const Slots& slots) const {
    return fill(form, slots, nullptr);
  }

  // Some record has all these values.
  bool holds(const Slots& slots, const std::vector<std::string>& used) const {
    for (RecordId id = 0; id < slots_.size(); ++id) {
      const Record& record = corpus_.records()[id];
      const bool all = std::ranges::all_of(used, [&](const std::string& name) {
        const std::string& value = slots.find(name)->second;
        if (name == "person")
          return std::ranges::find(record.persons, value) != record.persons.end();
        if (name == "category") {
          return std::ranges::any_of(record.categories,
                                     [&](const FieldValue& one) { return one.value == value; });
        }
        const auto own = slots_[id].find(name);
        return own != slots_[id].end() && own->second == value;
      });
      if (all) return true;
    }
    return false;
  }

  void add_templates(RecordId id) {
    for (const Template& one : kTemplates) add_true(one.kind, fill_in(one.text, slots_[id]), id);
  }

  // One slot at a time takes the value of another record.
  void add_tampered(RecordId id) {
    for (std::size_t t = 0; t < kTemplates.size(); ++t) {
      std::vector<std::string> used;
      if (fill(kTemplates[t].text, slots_[id], &used).empty()) continue;
      for (const auto& [group, names] : slot_groups()) {
        const bool has = std::ranges::any_of(
            names, [&](const auto& name) { return std::ranges::find(used, name) != used.end(); });
        if (has) swap_group(id, t, group, names, used);
      }
    }
  }

  void swap_group(RecordId id, std::size_t t, std::string_view group,
                  const std::vector<std::string>& names, const std::vector<std::string>& used) {
    const std::size_t count = slots_.size();
    for (std::size_t step = 1; step < count; ++step) {
      const auto donor = static_cast<RecordId>((id + step * (2 * t + 1)) % count);
      Slots slots = slots_[id];
      std::vector<std::string> swapped;
      bool complete = true;
      for (const std::string& name : names) {
        if (std::ranges::find(used, name) == used.end()) continue;
        const auto value = slots_[donor].find(name);
        complete = complete && value != slots_[donor].end();
        if (!complete) continue;
        slots[name] = value->second;
        swapped.push_back(name);
      }
      if (!complete || donor == id || holds(slots, used)) continue;
      add_false(std::string(group) + " swapped", fill_in(kTemplates[t].text, slots), id, donor,
                untrue_together(slots, used, swapped));
      return;
    }
  }

  RecordId donor_of(RecordId id, std::initializer_list<std::string_view> different) const {
    const std::size_t count = slots_.size();
    for (std::size_t step = 1; step < count; ++step) {
      const auto donor = static_cast<RecordId>((id + 5 * step) % count);
      const bool fits = std::ranges::all_of(different, [&](std::string_view name) {
        const auto own = slots_[id].find(name);
        const auto other = slots_[donor].find(name);
        return own != slots_[id].end() && other != slots_[donor].end() &&
               own->second != other->second;
      });
      if (fits) return donor;
    }
    return id;
  }

  // Facts of two sessions in one statement.
  void add_merged(RecordId id) {
    const RecordId donor = donor_of(id, {"title", "room", "start", "person"});
    if (donor == id) return;
    Slots both = slots_[id];
    for (const auto& [name, value] : slots_[donor]) both[name + "2"] = value;
    for (const std::string_view form :
         {"{title} takes place in {room2} at {start2}.", "{person} and {person2} present {title}.",
          "{title} and {title2} are both in {room} at {start}.",
          "{person2} presents {title2} and {title}.",
          "“{title}” in {room} is followed by {person2} in {room} at {start}.",
          "{title} is presented by {person}. It takes place in {room2} at {start2}.",
          "{person} presents {title}. The session starts at {start2} in {room2}.",
          "{title} is in {room}. The speaker is {person2}.",
          "It takes place in {room2} at {start2}.", "The speaker is {person2}.",
          "{title2} is a marvel. It takes place in {room2} at {start2}."}) {
      add_false("sessions merged", fill_in(form, both), id, donor,
                {{both["title2"]}, {both["room2"]}, {both["start2"]}, {both["person2"]}});
    }
    for (const std::string_view form :
         {"{title} is presented by {person}. It takes place in {room} "
          "at {start}.",
          "{person} presents {title}. The session starts at {start} in "
          "{room}.",
          "{title} is in {room}. The speaker is {person}.", "It takes place in {room} at {start}.",
          "The speaker is {person}."}) {
      add_true("second sentence", fill_in(form, both), id);
    }
  }

  void add_invented(RecordId id) {
    Slots slots = slots_[id];
    const Record& record = corpus_.records()[id];
    const auto each = [&](std::string_view kind, std::initializer_list<std::string_view> forms,
                          const std::vector<std::vector<std::string>>& untrue = {}) {
      for (const std::string_view form : forms)
        add_false(kind, fill_in(form, slots), id, id, untrue);
    };
    each("negation",
         {"{title} does not take place in {room}.", "{title} is not on {weekday}.",
          "{person} does not speak about {title}.", "{title} never starts at {start}.",
          "{person} isn't the speaker of {title}.", "{title} doesn't end at {end}.",
          "{title} is no longer in {room}.", "Nobody presents {title} in {room}.",
          "{title} is anywhere but in {room}.", "{title} is by someone other than {person}.",
          "{person} refuses to speak about {title}."});
    each("claim added",
         {"{title} was cancelled.", "{title} in {room} has been moved.",
          "{title} in {room} is sold out.", "{title} is sponsored by Acme Corporation.",
          "{person}, the inventor of the telephone, presents {title}.",
          "{person} presents {title} in {room}, and lunch is included.",
          "{title} in {room} at {start} is the most popular session of the conference.",
          "{title} is the only session in {room}.", "{title} is the first session on {weekday}.",
          "{person} of Initech presents {title}.", "{title} requires a paid ticket in {room}.",
          "{title} is in {room}, which is the largest hall of the town."},
         {{"cancelled"},
          {"moved"},
          {"sold"},
          {"Acme"},
          {"telephone"},
          {"lunch"},
          {"popular"},
          {"only"},
          {"first"},
          {"Initech"},
          {"paid"},
          {"largest"}});
    each("number invented",
         {"{title} has 417 seats.", "{title} costs $49.", "{title} is in Room 999.",
          "{title} is session number 12 in {room}.", "{title} is in {room} on the 3rd floor.",
          "{title} was held in 2019.", "97% of the visitors attend {title}."},
         {{"417"}, {"$49"}, {"999"}, {"number 12"}, {"3rd"}, {"2019"}, {"97%"}});
    each("URL invented",
         {"See https://evil.example/login for {title}.", "{title} is described at {url}/register.",
          "Register for {title} at www.evil.example.",
          "More about {title} is at evil.example/{person}.",
          "Write to {person} at speaker@evil.example about {title}.",
          "Read [{title}](https://evil.example/x)."});
    each("unit changed", {"{title} lasts {minutes} hours.", "{title} lasts {minutes} seconds.",
                          "“{title}” is a {minutes}-day session."});
    if (record.start && record.end) {
      slots["flip"] = twelve_hours((*record.start + 720) % 1440);
      slots["late"] = render_time((*record.start + 15) % 1440);
      slots["longer"] = std::to_string(*record.end - *record.start + 15);
      each("time shifted", {"{title} starts at {flip}.", "{title} starts at {late} in {room}.",
                            "{title} starts at {end}.", "{title} ends at {start}.",
                            "{title} runs from {end} to {start}.", "{title} is over at {start12}.",
                            "{title} is at {late}."});
      each("number invented", {"{title} lasts {longer} minutes."});
    }
    const RecordId donor = donor_of(id, {"person"});
    if (donor == id) return;
    const std::string other = slots_[donor].find("person")->second;
    const std::string own = slots["person"];
    slots["mixed"] =
        own.substr(0, own.find(' ')) + other.substr(std::min(other.find(' '), other.size()));
    each("speaker mixed", {"{mixed} presents {title}.", "{title} is by {mixed}.",
                           "The speaker of {title} is {mixed}."});
  }

  // Sentences of a description, word for word, and with one thing changed.
  void add_quotations(RecordId id) {
    const std::string& body = corpus_.records()[id].body;
    std::size_t taken = 0;
    for (const text::TextSpan& span : text::split_sentences(body)) {
      const std::string sentence(span.of(body));
      if (sentence.size() < 60 || sentence.size() > 400 || is_instruction(sentence)) continue;
      if (++taken > 4) return;
      add_true("quotation", sentence, id);
      add_true("quotation", "According to the schedule, " + sentence, id);
      add_changed_fact(id, sentence);
      add_negated(id, sentence);
      add_changed_unit(id, sentence);
    }
  }

  void add_changed_fact(RecordId id, const std::string& sentence) {
    for (const Fact& fact : extract_facts(sentence, tokenize(sentence))) {
      std::string other;
      if (fact.kind == FactKind::kNumber) other = fact.normal == "7" ? "8" : "7";
      if (fact.kind == FactKind::kMoney) other = "71";
      if (fact.kind == FactKind::kYear) other = "1987";
      if (fact.kind == FactKind::kPercent) other = "83 percent";
      if (other.empty() || corpus_.records()[id].body.find(other) != std::string::npos) continue;
      std::string changed = sentence;
      changed.replace(fact.begin, fact.end - fact.begin, other);
      add_false("quotation, number changed", changed, id, id, {{other}});
    }
  }

  void add_negated(RecordId id, const std::string& sentence) {
    if (has_negation(tokenize(sentence))) return;
    for (const std::string_view verb :
         {" is ", " are ", " was ", " were ", " can ", " will ", " has "}) {
      const std::size_t at = sentence.find(verb);
      if (at == std::string::npos) continue;
      std::string changed = sentence;
      changed.insert(at + verb.size(), "not ");
      return add_false("quotation negated", changed, id, id, {{" not "}});
    }
  }

  void add_changed_unit(RecordId id, const std::string& sentence) {
    static constexpr std::array<std::string_view, 12> kUnits = {
        "seconds", "minutes", "hours",     "days",      "weeks",     "months",
        "years",   "percent", "kilobytes", "megabytes", "gigabytes", "dollars"};
    for (std::size_t i = 0; i < kUnits.size(); ++i) {
      const std::size_t at = sentence.find(" " + std::string(kUnits[i]));
      if (at == std::string::npos) continue;
      const auto tokens = tokenize(sentence.substr(0, at));
      const auto facts = extract_facts(sentence, tokenize(sentence));
      const bool counted = std::ranges::any_of(facts, [&](const Fact& fact) {
        return fact.end == at || fact.end == at + 1 + kUnits[i].size();
      });
      const std::string_view other = kUnits[(i + 1) % kUnits.size()];
      if (!counted || corpus_.records()[id].body.find(other) != std::string::npos) continue;
      std::string changed = sentence;
      changed.replace(at + 1, kUnits[i].size(), other);
      add_false("quotation, unit changed", changed, id, id, {{std::string(other)}});
    }
  }

  const CorpusIndex& corpus_;
  std::vector<Slots> slots_;
  std::vector<Statement> statements_;
};

}  // namespace rage::rag::for_test
