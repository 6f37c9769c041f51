#include "rag/compose_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "rag/compose.h"

namespace rage::rag {
namespace {

std::string time_range(const Record& record, std::string_view dash) {
  if (!record.start) return {};
  if (!record.end) return render_time(*record.start);
  return render_time(*record.start) + std::string(dash) + render_time(*record.end);
}

}  // namespace

std::string and_list(const std::vector<std::string>& items) {
  if (items.empty()) return {};
  if (items.size() == 1) return items[0];
  std::string text;
  for (std::size_t i = 0; i + 1 < items.size(); ++i) text += (i > 0 ? ", " : "") + items[i];
  return text + " and " + items.back();
}

std::string in_quotes(std::string_view title) {
  return fmt::format("“{}”", title);
}

std::string duration_of(int minutes) {
  const int hours = minutes / 60;
  const int rest = minutes % 60;
  const std::string h = fmt::format("{} hour{}", hours, hours == 1 ? "" : "s");
  const std::string m = fmt::format("{} minute{}", rest, rest == 1 ? "" : "s");
  if (hours == 0) return m;
  return rest == 0 ? h : h + " and " + m;
}

std::string capitalized(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

std::string values_of(const Record& record, std::size_t field) {
  std::vector<std::string> values;
  for (const auto* list : {&record.categories, &record.others}) {
    for (const FieldValue& value : *list) {
      if (value.field == field) values.push_back(value.value);
    }
  }
  return and_list(values);
}

std::string date_label(const CorpusIndex& corpus) {
  if (corpus.has_role(FieldRole::kStart)) return {};
  for (const FieldSchema& field : corpus.schema()) {
    if (field.role != FieldRole::kDate) continue;
    static constexpr std::array<std::string_view, 4> kEvent = {"date", "day", "when", "held"};
    const bool event = std::ranges::any_of(field.words, [](const std::string& word) {
      return std::ranges::find(kEvent, word) != kEvent.end();
    });
    return event && field.words.size() == 1 ? std::string() : field.key;
  }
  return {};
}

std::string describe_record(const CorpusIndex& corpus, RecordId id,
                            const std::vector<std::size_t>& fields) {
  const Record& r = corpus.records()[id];
  std::string text = in_quotes(r.title);
  std::vector<std::string> parts;
  if (!r.persons.empty()) parts.push_back(and_list(r.persons));
  if (!r.places.empty()) parts.push_back(and_list(r.places));
  const std::string label = date_label(corpus);
  std::string when = label.empty() ? "" : label + " ";
  when = r.date ? when + render_date(*r.date) : std::string();
  if (r.start) when += (when.empty() ? "" : ", ") + time_range(r, "–");
  if (!when.empty()) parts.push_back(when);
  if (parts.size() < 2) {
    for (const FieldValue& value : r.categories) parts.push_back(value.value);
  }
  for (const std::size_t field : fields) {
    const std::string value = values_of(r, field);
    if (!value.empty()) parts.push_back(corpus.schema()[field].key + ": " + value);
  }
  if (!parts.empty()) text += " – " + join(parts, "; ");
  return text;
}

}  // namespace rage::rag
