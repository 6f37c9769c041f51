// Which comes first, which is lighter, do they overlap.
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

void Composer::compare() {
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

void Composer::furthest(const std::vector<RecordId>& ids) {
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

bool Composer::all_timed(const std::vector<RecordId>& ids) {
  for (const RecordId id : ids) {
    if (record(id).date && (record(id).start || !corpus_.has_role(FieldRole::kStart))) continue;
    abstain(fmt::format("{} do not say when {} is. {}", kSources, title(id), cite(id)));
    return false;
  }
  return true;
}

void Composer::order(const std::vector<RecordId>& ids) {
  if (!all_timed(ids)) return;
  const Record& a = record(ids[0]);
  const Record& b = record(ids[1]);
  const bool tie = a.date == b.date && a.start == b.start;
  out_.text =
      tie ? "They come at the same time:" : fmt::format("{} comes first. In order:", title(ids[0]));
}

bool Composer::overlapping(RecordId x, RecordId y) const {
  const Record& a = record(x);
  const Record& b = record(y);
  return a.date == b.date && *a.start < b.end.value_or(*b.start + 1) &&
         *b.start < a.end.value_or(*a.start + 1);
}

void Composer::overlap(const std::vector<RecordId>& ids, bool pair) {
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
void Composer::same(const std::vector<RecordId>& ids, std::string_view what, Equal equal) {
  bool all = true;
  for (const RecordId id : ids) all = all && equal(ids[0], id);
  out_.text = all ? fmt::format("They are {}:", what)
                  : fmt::format("They are listed differently, not {}:", what);
}

}  // namespace rage::rag
