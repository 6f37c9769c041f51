// The class behind compose_answer(). Private to compose.cc, compose_record.cc and
// compose_compare.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rag/compose.h"
#include "rag/corpus.h"
#include "rag/question.h"
#include "rag/question_select.h"

namespace rage::rag {

inline constexpr std::string_view kSources = "The indexed documents";

// One thread, one answer. What it is given outlives it.
class Composer final {
 public:
  Composer(const Query& query, const CorpusIndex& corpus, const Selection& selection,
           const Evidence& evidence)
      : query_(query), corpus_(corpus), selection_(selection), evidence_(evidence) {}
  Composed compose();

 private:
  const Record& record(RecordId id) const { return corpus_.records()[id]; }
  std::string title(RecordId id) const;
  // "[2]"; numbers in order of first use.
  std::string cite(RecordId id);
  std::string_view noun(bool plural) const;
  // --- Refusals ---
  void abstain(std::string text);
  void absent();
  std::string constraint_text() const;
  void no_match();
  void no_passage();
  // What was described may be one of these: said as no more than that.
  void perhaps();
  void not_found();
  // --- Answers ---
  void passage();
  void lines(const std::vector<RecordId>& ids);
  void records();
  bool asks_when() const;
  // What was asked for and is not known of this record: "who presents it".
  std::vector<std::string> missing(RecordId id) const;
  bool missing_time(const Record& r) const;
  bool has_asked_field(const Record& r) const;
  std::size_t asked_things() const;
  bool misses_all(RecordId id) const;
  void one(RecordId id);
  static bool has_slot(const Record& r);
  std::string about(RecordId id) const;
  std::string by_sentence(RecordId id) const;
  std::string slot_sentence(RecordId id, bool named) const;
  // Of what has a date but takes no place: "It is in the Mill Store. Released: May 6, 2021."
  static std::string dated_sentence(const Record& r, const std::string& subject,
                                    const std::string& label);
  std::string field_sentence(RecordId id) const;
  // --- Comparisons ---
  void compare();
  // "Which is lighter, A or B?"
  void furthest(const std::vector<RecordId>& ids);
  bool all_timed(const std::vector<RecordId>& ids);
  void order(const std::vector<RecordId>& ids);
  bool overlapping(RecordId x, RecordId y) const;
  void overlap(const std::vector<RecordId>& ids, bool pair);
  template <class Equal>
  void same(const std::vector<RecordId>& ids, std::string_view what, Equal equal);
  const Query& query_;
  const CorpusIndex& corpus_;
  const Selection& selection_;
  const Evidence& evidence_;
  Composed out_;
};

}  // namespace rage::rag
