// What is said of one record, the fact asked for first.
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

constexpr std::size_t kAboutBytesMax = 480;

}  // namespace

bool Composer::asks_when() const {
  return query_.asks(kAskedWhen | kAskedTime | kAskedEnd | kAskedDay | kAskedDuration);
}

std::vector<std::string> Composer::missing(RecordId id) const {
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

bool Composer::missing_time(const Record& r) const {
  if (query_.asks(kAskedEnd | kAskedDuration)) return !r.end;
  if (query_.asks(kAskedTime)) return !r.start;
  if (query_.asks(kAskedDay)) return !r.date;
  return !r.date && !r.start;
}

bool Composer::has_asked_field(const Record& r) const {
  const auto asked = [&](const FieldValue& value) {
    return std::ranges::find(query_.asked_fields, value.field) != query_.asked_fields.end();
  };
  return std::ranges::any_of(r.categories, asked) || std::ranges::any_of(r.others, asked);
}

std::size_t Composer::asked_things() const {
  std::size_t count = 0;
  if (query_.asks(kAskedWho)) ++count;
  if (query_.asks(kAskedWhere)) ++count;
  if (asks_when()) ++count;
  if (query_.asks(kAskedUrl)) ++count;
  if (query_.asks(kAskedCategory)) ++count;
  return count;
}

bool Composer::misses_all(RecordId id) const {
  const std::size_t lacks = missing(id).size();
  return lacks > 0 && lacks >= asked_things();
}

void Composer::one(RecordId id) {
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

bool Composer::has_slot(const Record& r) {
  return !r.persons.empty() || !r.places.empty() || r.date || r.start;
}

std::string Composer::about(RecordId id) const {
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

std::string Composer::by_sentence(RecordId id) const {
  const Record& r = record(id);
  if (r.persons.empty()) return fmt::format("The {} is {}.", noun(false), title(id));
  return fmt::format("{} {} by {}.", title(id),
                     corpus_.has_role(FieldRole::kStart) ? "is presented" : "is",
                     and_list(r.persons));
}

std::string Composer::slot_sentence(RecordId id, bool named) const {
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

std::string Composer::dated_sentence(const Record& r, const std::string& subject,
                                     const std::string& label) {
  std::string text;
  if (!r.places.empty()) text = fmt::format("{} is in {}.", subject, and_list(r.places));
  if (!r.date) return text;
  const std::string date = fmt::format("{}: {}.", label, render_date(*r.date));
  if (text.empty()) return subject + " – " + date;
  return text + " " + capitalized(date);
}

std::string Composer::field_sentence(RecordId id) const {
  const Record& r = record(id);
  std::vector<std::string> parts;
  for (const std::size_t field : query_.asked_fields) {
    const std::string value = values_of(r, field);
    if (!value.empty()) parts.push_back(fmt::format("{}: {}", corpus_.schema()[field].key, value));
  }
  if (parts.empty()) return {};
  return fmt::format("{} – {}.", title(id), join(parts, "; "));
}

}  // namespace rage::rag
