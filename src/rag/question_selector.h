// The class behind select_records(): the kinds of question, each with what it looks for. Private to
// question_select.cc, question_compare.cc and question_single.cc.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "rag/corpus.h"
#include "rag/question.h"
#include "rag/question_select.h"

namespace rage::rag {

inline bool has_record(const std::vector<RecordId>& ids, RecordId id) {
  return std::ranges::find(ids, id) != ids.end();
}

// One thread, one question. What it is given outlives it.
class Selector final {
 public:
  Selector(const Query& query, const CorpusIndex& corpus, const Evidence& evidence,
           const std::vector<RecordId>& anchors)
      : query_(query), corpus_(corpus), evidence_(evidence), anchors_(anchors) {}
  Selection select();

 private:
  std::vector<RecordId> filtered(const std::vector<RecordId>& ids) const;
  std::vector<RecordId> in_order(std::vector<RecordId> ids) const;
  bool constrained() const;
  float dense(RecordId id) const;
  // First or last of a list, as asked; "at 10" splits into what starts and what is under way.
  Selection records(std::vector<RecordId> ids, double confidence) const;
  // All that tie for first or last place.
  std::vector<RecordId> ordinal(const std::vector<RecordId>& ids) const;
  // "What does a new zip cost in the repair workshop?": the page has no price, its text has one.
  std::optional<Selection> price_in_text(const Selection& found) const;
  // All that tie for the smallest or largest number, of those that fit.
  Selection extreme() const;
  Selection no_match(std::vector<RecordId> related) const;
  std::vector<RecordId> everyone() const { return corpus_.chronological(); }
  // Records that share a content word with the question or that retrieval found; no other can be
  // meant.
  std::vector<RecordId> candidates() const;
  std::vector<RecordId> persons_records() const;
  // "What follows Tectonix in the same room?"
  std::optional<Selection> neighbour() const;
  // The parts of "X and Y", "X or Y", each resolved on its own words.
  std::vector<std::vector<RecordId>> entities() const;
  std::vector<RecordId> entity(std::size_t from, std::size_t to) const;
  Selection plain() const;
  std::optional<Selection> compared() const;
  static std::vector<std::vector<RecordId>> split(const std::vector<RecordId>& ids);
  Selection attribute() const;
  // "the bare metal workshop" in "how many places does the bare metal workshop have?"
  std::vector<RecordId> by_other_words() const;
  // "send something back" is not "send a photograph of the fault": a word that happens to occur
  // says little against a record that is much nearer in meaning.
  bool far_from_meant(RecordId id) const;
  Selection titled() const;
  // "Does the Rill Filter remove viruses?": no field is asked for, so its text must speak of it.
  bool asks_whether() const;
  bool tells_whether(RecordId id) const { return cover(query_, corpus_, id).anywhere >= 0.5; }
  Selection silent(std::vector<RecordId> ids) const;
  // "logical replication" is part of one title and the subject of another talk.
  bool said_in_part() const;
  Selection as_content() const;
  Selection anchored() const;
  Selection structural() const;
  // Every record that has the words of the question prominently, and those that mention them.
  std::optional<Selection> topic_list() const;
  // One ordinary word somewhere in a text ("lunch") is no topic; a name or several words are.
  bool sure_of_body(const std::vector<RecordId>& ids) const;
  struct Ranked {
    RecordId id = 0;
    Coverage coverage;
    double rank = 0;
  };
  std::vector<Ranked> ranked(const std::vector<RecordId>& ids) const;
  bool lexically_sure(const Ranked& one) const;
  // Two content words that stand side by side in the question do so in the record, or both in its
  // title.
  bool phrase_in(RecordId id) const;
  // Words scattered over a long text make no statement: they must stand in three neighbouring
  // sentences, the title and the fields apart.
  bool together(RecordId id) const;
  // "Who sponsors the event?": a field tells who speaks, not who does what.
  bool asks_for_agent() const;
  // One mistyped word carries an answer only if it is long, stands in a title and nothing speaks
  // against it.
  bool sure_of_correction(const Ranked& one) const;
  // Near in meaning, and nearer than all others.
  bool semantically_sure(const Ranked& one) const;
  Selection single() const;
  // Of those that have all words, the ones that have them most prominently.
  std::vector<RecordId> nearest(const std::vector<Ranked>& best,
                                const std::vector<RecordId>& sure) const;
  // The words fit a record that the constraints exclude, or a person who does something else.
  Selection contradicted() const;
  const Query& query_;
  const CorpusIndex& corpus_;
  const Evidence& evidence_;
  const std::vector<RecordId>& anchors_;
};

}  // namespace rage::rag
