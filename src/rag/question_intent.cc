// What is wanted: one thing, a list, a count, a comparison; and which fields.
#include <algorithm>

#include "base/is_one_of.h"
#include "rag/question_fields.h"
#include "rag/question_parser.h"
#include "rag/question_words.h"

namespace rage::rag {

void QuestionParser::read_intent() {
  static constexpr auto kPolar = {"is",   "are", "do",   "does", "did", "can",
                                  "will", "was", "were", "has",  "have"};
  q_.yes_no = size() > 0 && std::ranges::find(kPolar, word(0)) != kPolar.end();
  bool plural = false;
  for (std::size_t i = 0; i < size(); ++i) {
    if (q_.use[i] == TokenUse::kTitle) continue;
    plural = plural || is_plural_record_noun(word(i));
    if (word(i) == "how" && word_or_empty(i + 1) == "many") read_how_many(i);
    if (word(i) == "how" && word_or_empty(i + 1) == "much") read_how_much(i);
    if (word(i) == "why") q_.open = true;
    if (word(i) == "how" &&
        is_one_of(word_or_empty(i + 1),
                  {"do", "does", "did", "can", "is", "are", "to", "should"}) &&
        i == 0) {
      q_.open = true;
    }
  }
  for (const CategoryMention& mention : q_.categories) {
    const std::string& last = word(mention.token_end - 1);
    plural = plural || (last.size() > 3 && last.back() == 's' &&
                        last != q_.tokens[mention.token_end - 1].stem);
  }
  const bool everything =
      has_word({"list", "all", "everything", "every"}) || has_phrase({"show", "me"});
  q_.list = q_.list || plural || everything;
  if (has_word({"overlap", "overlaps", "collide", "collides", "clash", "clashes", "conflict",
                "conflicts", "parallel", "simultaneously"}) ||
      has_phrase({"same", "time"}) || has_phrase({"attend", "both"})) {
    q_.comparison = Comparison::kOverlap;
  } else if (has_phrase({"same", "room"}) || has_phrase({"same", "place"}) ||
             has_phrase({"same", "location"}) ||
             (has_word({"both"}) && has_word({"room", "where"}))) {
    q_.comparison = Comparison::kSamePlace;
  } else if (has_phrase({"same", "day"})) {
    q_.comparison = Comparison::kSameDay;
  } else if (has_word({"first", "earlier", "sooner", "later", "before", "after"}) &&
             (has_word({"or", "than", "two", "both"}) || has_phrase({"before", "or"}))) {
    q_.comparison = Comparison::kOrder;
  }
  read_ordinal();
  read_next();
  mark_words({"overlap", "overlaps", "collide", "collides", "clash", "clashes", "conflict",
              "conflicts", "parallel", "simultaneously", "earlier", "sooner", "later", "earliest",
              "latest"});
}

void QuestionParser::mark_words(std::initializer_list<std::string_view> words) {
  for (std::size_t i = 0; i < size(); ++i) {
    if (q_.use[i] == TokenUse::kContent && is_one_of(word(i), words))
      q_.use[i] = TokenUse::kStructure;
  }
}

void QuestionParser::read_how_many(std::size_t i) {
  for (std::size_t k = i + 2; k < size() && k < i + 6; ++k) {
    if (is_record_noun(word(k)) || q_.use[k] == TokenUse::kConstraint) {
      q_.count = q_.list = true;
      return;
    }
    if (is_function_word(word(k))) break;
  }
  q_.wants_number = true;
}

// "how much does it cost", but "how much deposit", "how much weight".
void QuestionParser::read_how_much(std::size_t i) {
  const std::size_t what = i + 2;
  if (what >= size() || q_.use[what] != TokenUse::kContent || word(what) == "money") {
    q_.wants_money = true;
  } else {
    q_.wants_number = std::ranges::none_of(corpus_.schema(), [&](const FieldSchema& field) {
      return names_field(field, q_.tokens[what]);
    });
  }
}

void QuestionParser::read_ordinal() {
  for (std::size_t i = 0; i < size(); ++i) {
    if (q_.use[i] == TokenUse::kTitle) continue;
    // What has no hour is old or new, not early or late.
    const bool dated = corpus_.has_role(FieldRole::kDate) && !corpus_.has_role(FieldRole::kStart);
    const bool first = is_one_of(word(i), {"first", "opening", "earliest"}) ||
                       (dated && is_one_of(word(i), {"oldest", "older"}));
    const bool last = is_one_of(word(i), {"last", "closing", "final", "latest"}) ||
                      (dated && is_one_of(word(i), {"newest", "newer"}));
    if (!first && !last) continue;
    if (last && has_phrase({"how", "long"})) continue;  // "how long does it last"
    if (is_one_of(word_or_empty(i + 1), {"year", "edition", "month"})) continue;
    q_.ordinal = first ? Ordinal::kFirst : Ordinal::kLast;
    q_.use[i] = TokenUse::kStructure;
  }
}

void QuestionParser::read_next() {
  const bool place = has_phrase({"same", "room"}) || has_phrase({"same", "place"}) ||
                     has_word({"there"}) || has_phrase({"that", "room"}) || !q_.places.empty();
  if (!place) return;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!free(i)) continue;
    if (is_one_of(word(i), {"after", "follows", "following", "next", "afterwards", "follow"}) &&
        q_.times.empty()) {
      q_.next_in_place = true;
    }
    if (is_one_of(word(i), {"before", "precedes", "previous"}) && q_.times.empty())
      q_.previous_in_place = true;
  }
  if (has_phrase({"before", "or"})) q_.next_in_place = q_.previous_in_place = false;
  if (q_.next_in_place || q_.previous_in_place) {
    q_.comparison = Comparison::kNone;
    mark_words({"directly", "right", "immediately", "next", "afterwards", "follows", "precedes",
                "same", "straight"});
  }
}

void QuestionParser::read_asked() {
  for (std::size_t i = 0; i < size(); ++i) {
    if (q_.use[i] == TokenUse::kTitle || q_.use[i] == TokenUse::kConstraint) continue;
    read_asked_word(i);
  }
  if (has_phrase({"what", "time"}) || has_phrase({"which", "time"})) q_.asked |= kAskedTime;
  if (has_phrase({"how", "long"}) || has_word({"duration"})) q_.asked |= kAskedDuration;
  const bool ends = has_word({"end", "ends", "finish", "finishes", "until", "ending"});
  if (ends && q_.times.empty() &&
      (q_.asks(kAskedWhen | kAskedTime) || has_phrase({"until", "when"}))) {
    q_.asked |= kAskedEnd;
  }
  const bool subject = has_phrase({"talk", "about"}) || has_phrase({"talking", "about"}) ||
                       has_phrase({"speak", "about"}) || has_phrase({"speaking", "about"});
  if (has_word({"about"}) && has_word({"what"}) && !q_.titles.empty() && !subject)
    q_.asked |= kAskedAbout;
  // "What is the talk on rootkits about?"
  if (has_word({"what"}) && !q_.tokens.empty() && q_.tokens.back().folded == "about")
    q_.asked |= kAskedAbout;
  if (has_word({"summary", "summarize", "summarise", "describe", "abstract", "explain"}))
    q_.asked |= kAskedAbout;
  if (has_phrase({"tell", "me"}) && has_word({"about"}) && q_.asked == 0) q_.asked |= kAskedAbout;
  if (has_phrase({"how", "long"})) mark_words({"long"});
  mark_words({"summary", "summarize", "summarise", "describe", "duration", "url", "urls", "link",
              "website", "webpage", "link", "weekday", "employed"});
}

void QuestionParser::read_asked_word(std::size_t i) {
  const std::string& w = word(i);
  const bool asks_which = i > 0 && (is_one_of(before(i), {"which", "what", "whose"}) ||
                                    is_one_of(before(i, 2), {"which", "what"}));
  const bool the_of = is_one_of(before(i), {"the", "their", "its", "and", "with", "his", "her",
                                            "start", "which", "what", "give", "gives", "tell"});
  if (is_one_of(w, {"who", "whom", "whose", "speaker", "speakers", "presenter", "presenters",
                    "author", "authors"})) {
    if (w != "speaker" || !(i + 1 < size() && is_one_of(before(i), {"the", "a"}) &&
                            q_.text[q_.tokens[i].end] != ' ' && q_.text[q_.tokens[i].end] != '?')) {
      q_.asked |= kAskedWho;
    }
  }
  if (is_one_of(w, {"where", "location", "venue"})) q_.asked |= kAskedWhere;
  if (is_one_of(w, {"room", "rooms", "hall", "ballroom"}) &&
      (asks_which || the_of || before(i) == "in" || w == "rooms")) {
    if (!q_.next_in_place && !q_.previous_in_place && before(i) != "same") q_.asked |= kAskedWhere;
  }
  if ((asks_which || the_of) && names_role(FieldRole::kPerson, q_.tokens[i])) q_.asked |= kAskedWho;
  if ((asks_which || before(i) == "in") && before(i) != "same" &&
      names_role(FieldRole::kPlace, q_.tokens[i]) && q_.places.empty())
    q_.asked |= kAskedWhere;
  if (w == "when") q_.asked |= kAskedWhen;
  if (is_one_of(w, {"time", "times"}) && (asks_which || the_of) && before(i) != "same")
    q_.asked |= kAskedTime;
  if (is_one_of(w, {"day", "date", "days", "dates", "weekday"}) && (asks_which || the_of))
    q_.asked |= kAskedDay;
  if (is_one_of(w, {"url", "link", "website", "webpage", "urls"})) q_.asked |= kAskedUrl;
  if (is_one_of(w, {"title", "titles", "called"}) || (w == "name" && is_one_of(before(i), {"the"})))
    q_.asked |= kAskedTitle;
  if (is_record_noun(w) && asks_which) q_.asked |= kAskedTitle;
  read_asked_field(i);
}

void QuestionParser::read_asked_field(std::size_t i) {
  static constexpr auto kForWhom = {"meant", "aimed", "suitable", "intended", "targeted"};
  Token probe = q_.tokens[i];
  if (std::ranges::find(kForWhom, probe.folded) != kForWhom.end())
    probe = Token{.folded = "audience", .stem = "audienc"};
  for (std::size_t f = 0; f < corpus_.schema().size(); ++f) {
    const FieldSchema& field = corpus_.schema()[f];
    const bool category = field.role == FieldRole::kCategory;
    if ((!category && field.role != FieldRole::kOther) || !names_field(field, probe)) continue;
    q_.use[i] = TokenUse::kStructure;
    q_.asked |= kAskedCategory;
    if (std::ranges::find(q_.asked_fields, f) == q_.asked_fields.end())
      q_.asked_fields.push_back(f);
  }
  if (q_.wants_money) {
    const Token price{.folded = "price", .stem = "price"};
    for (std::size_t f = 0; f < corpus_.schema().size(); ++f) {
      if (corpus_.schema()[f].role != FieldRole::kOther || !names_field(corpus_.schema()[f], price))
        continue;
      if (std::ranges::find(q_.asked_fields, f) == q_.asked_fields.end())
        q_.asked_fields.push_back(f);
      q_.asked |= kAskedCategory;
    }
  }
}

void QuestionParser::read_attribute() {
  for (std::size_t i = 0; i < size() && q_.attribute.empty(); ++i) {
    if (q_.use[i] == TokenUse::kTitle || q_.use[i] == TokenUse::kConstraint) continue;
    if (q_.wants_number && is_one_of(word(i), {"many", "much"}) && before(i) == "how") {
      take_attribute(i + 1);
      // "how many days": a number of these, whatever else the word may stand for.
      const bool counted = i + 1 < size() && q_.use[i + 1] == TokenUse::kStructure;
      if (q_.attribute.empty() && counted) q_.attribute.push_back(i + 1);
    } else if (is_one_of(word(i), {"which", "what"})) {
      read_which(i);
    } else if (word(i) == "how" && i + 1 < size() && q_.use[i + 1] == TokenUse::kContent &&
               !is_one_of(word(i + 1), {"many", "much", "long", "come"})) {
      q_.attribute.push_back(i + 1);
      q_.use[i + 1] = TokenUse::kContent;
    }
  }
  const bool priced = q_.wants_money && q_.asked_fields.empty();
  if (!q_.attribute.empty() || priced) q_.asked |= kAskedAttribute;
}

void QuestionParser::take_attribute(std::size_t i) {
  while (i < size() && q_.use[i] == TokenUse::kContent && q_.attribute.size() < 4)
    q_.attribute.push_back(i++);
}

void QuestionParser::read_which(std::size_t i) {
  std::size_t k = i + 1;
  const bool copula = k < size() && is_one_of(word(k), {"is", "are", "was", "were"});
  // "what's his e-mail": the clitic is folded away.
  const bool clitic = raw(i, i + 1).size() > word(i).size() && !copula;
  if (copula) ++k;
  if (!copula && !clitic) {
    // "which hotel offers": a noun that is neither a record nor a field.
    std::size_t end = k;
    while (end < size() && q_.use[end] == TokenUse::kContent) ++end;
    const bool record_follows =
        end < size() &&
        (q_.use[end] == TokenUse::kStructure || q_.use[end] == TokenUse::kConstraint) &&
        (is_record_noun(word(end)) ||
         is_one_of(word(end), {"track", "room", "speaker", "speakers", "day", "time", "level",
                               "audience", "topic"}));
    if (end == k || record_follows) return;
    if (q_.asks(kAskedTitle) && is_record_noun(word(k))) return;
    take_attribute(k);
    return;
  }
  // "what is the dress code", "what is X's employer", "what is the capital of"
  while (k < size() && (q_.use[k] == TokenUse::kFunction || q_.use[k] == TokenUse::kConstraint ||
                        q_.use[k] == TokenUse::kTitle ||
                        is_one_of(word(k), {"speaker", "presenter", "talk", "session"}))) {
    if (is_one_of(word(k), {"in", "on", "at", "there", "during", "with", "for", "about"})) return;
    ++k;
  }
  std::size_t end = k;
  while (end < size() && q_.use[end] == TokenUse::kContent) ++end;
  if (end == k) return;
  if (end < size() && q_.use[end] == TokenUse::kStructure && is_record_noun(word(end))) return;
  take_attribute(k);
}

}  // namespace rage::rag
