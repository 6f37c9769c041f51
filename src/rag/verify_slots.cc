// Typed fields against a sentence: slot_conflict().
#include <algorithm>
#include <array>

#include "base/strings.h"
#include "rag/question_words.h"
#include "rag/verify.h"

namespace rage::rag {
namespace {

bool is_speaking_verb(std::string_view stem) {
  static constexpr std::array<std::string_view, 12> kVerbs = {
      "present", "speak", "give",  "talk",  "host",    "deliv",
      "deliver", "lead",  "teach", "given", "speaker", "present"};
  return std::ranges::find(kVerbs, stem) != kVerbs.end();
}

class Slots {
 public:
  Slots(const ReadSentence& sentence, const Record& record, const CorpusIndex& corpus)
      : sentence_(sentence), record_(record), corpus_(corpus) {}

  std::string conflict() const {
    for (const auto check :
         {&Slots::times, &Slots::day_part, &Slots::days, &Slots::persons, &Slots::places}) {
      if (std::string reason = (this->*check)(); !reason.empty()) return reason;
    }
    return {};
  }

 private:
  bool is_word(std::size_t i, std::string_view folded) const {
    return i < sentence_.tokens.size() && sentence_.tokens[i].folded == folded;
  }

  bool speaks_of_end() const {
    static constexpr std::array<std::string_view, 9> kEnds = {
        "end", "finish", "until", "conclud", "till", "close", "stop", "wrap", "conclude"};
    for (std::size_t i = 0; i < sentence_.tokens.size(); ++i) {
      if (sentence_.in_title(i)) continue;
      if (std::ranges::find(kEnds, sentence_.tokens[i].stem) != kEnds.end()) return true;
      if (is_word(i, "over") && (is_word(i + 1, "at") || is_word(i + 1, "by"))) return true;
    }
    return false;
  }

  std::string times() const {
    std::vector<int> times;
    for (const Fact& fact : sentence_.facts) {
      if (fact.kind != FactKind::kTime) continue;
      if (const auto minutes = time_of_normal(fact.normal)) times.push_back(*minutes);
    }
    if (!record_.start || times.empty()) return {};
    if (times.size() == 1) {
      if (speaks_of_end()) return record_.end == times[0] ? "" : "that is not when it ends";
      return record_.start == times[0] ? "" : "that is not when it starts";
    }
    const bool same = times[0] == *record_.start && record_.end == times[1];
    return same ? "" : "the times are not those of this entry";
  }

  std::string day_part() const {
    if (!record_.start) return {};
    for (std::size_t i = 0; i < sentence_.tokens.size(); ++i) {
      const auto part = day_part_of(sentence_.tokens[i].folded);
      if (!part || sentence_.in_title(i) || !sentence_.only_slots()) continue;
      if (*record_.start < part->begin || *record_.start >= part->end)
        return "that is not the time of day at which it starts";
    }
    return {};
  }

  // A sentence about nothing but the entry: the days in its description are other days.
  std::string days() const {
    if (!record_.date || !sentence_.only_slots()) return {};
    const std::string weekday = to_lower_ascii(weekday_name(*record_.date));
    for (const Fact& fact : sentence_.facts) {
      if (fact.kind == FactKind::kWeekday && !weekday.empty() && fact.normal != weekday)
        return "that is not the day of this entry";
    }
    return {};
  }

  std::string persons() const {
    if (record_.persons.empty() && !corpus_.has_role(FieldRole::kPerson)) return {};
    const bool speaking = std::ranges::any_of(
        sentence_.tokens, [](const Token& token) { return is_speaking_verb(token.stem); });
    if (!speaking) return {};
    std::string people = " ";
    for (const std::string& person : record_.persons) {
      for (const Token& token : tokenize(person)) people += token.folded + " ";
    }
    for (const NameSpan& name : sentence_.names) {
      if (name.token_end - name.token_begin < 2 || !looks_like_person(name)) continue;
      if (people.find(sentence_.words_of(name)) == std::string::npos)
        return "the sources do not list " + sentence_.written(name) + " for this entry";
    }
    return {};
  }

  bool looks_like_person(const NameSpan& name) const {
    for (std::size_t i = name.token_begin; i < name.token_end; ++i) {
      const Token& token = sentence_.tokens[i];
      if (token.mixed || is_structure_word(token.folded)) return false;
      for (const std::uint32_t id : corpus_.facets_with(token.folded)) {
        if (corpus_.facets()[id].role == FieldRole::kPlace) return false;
      }
    }
    return true;
  }

  bool says(const Facet& facet, std::size_t i) const {
    const auto& tokens = sentence_.tokens;
    if (i + facet.tokens.size() > tokens.size()) return false;
    for (std::size_t k = 0; k < facet.tokens.size(); ++k) {
      if (facet.tokens[k].folded != tokens[i + k].folded) return false;
    }
    return true;
  }

  std::string places() const {
    for (std::size_t i = 0; i < sentence_.tokens.size(); ++i) {
      for (const std::uint32_t id : corpus_.facets_with(sentence_.tokens[i].folded)) {
        const Facet& facet = corpus_.facets()[id];
        if (facet.role != FieldRole::kPlace || facet.tokens.size() < 2 || !says(facet, i)) continue;
        if (std::ranges::find(record_.places, facet.value) == record_.places.end())
          return "the sources do not place this entry in " + facet.value;
      }
    }
    return {};
  }

  const ReadSentence& sentence_;
  const Record& record_;
  const CorpusIndex& corpus_;
};

}  // namespace

std::string slot_conflict(const ReadSentence& sentence, const Record& record,
                          const CorpusIndex& corpus) {
  return Slots(sentence, record, corpus).conflict();
}

}  // namespace rage::rag
