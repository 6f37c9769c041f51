// Is a sentence supported by one source? Facts, names, negation and content words are checked; what
// belongs together in the sentence must belong together in the source. Pure.
//
// A source is looked at as its typed fields plus a window of three neighbouring sentences of its
// text, so that no sentence joins a fact from the beginning of a document with one from its end.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "rag/corpus.h"
#include "rag/grounding.h"
#include "rag/verify_sentence.h"

namespace rage::rag {

// Words and facts of a stretch of text.
struct TextFacts {
  std::unordered_set<std::string> stems;
  std::unordered_set<std::string> facts;  // Kind and normal form: "t:14:30", "q:second:3600".
  std::string words;  // Folded words between spaces, for names: " mark russinovich ".
  std::vector<Counted> counted;
  struct Sentence {
    std::unordered_set<std::string> stems;
    std::string words;       // Folded, between spaces.
    std::size_t length = 0;  // In words.
    bool negation = false;
  };
  std::vector<Sentence> sentences;  // Of a window.
};

// Value. One numbered source of an answer.
struct SourceView {
  std::size_t number = 0;
  std::optional<RecordId> record;
  TextFacts fields;                // Title, people, place, day, time, categories, address.
  std::vector<TextFacts> windows;  // Three sentences each, one sentence apart.
};

// What a stretch of text says, as a whole.
TextFacts read_text(std::string_view text);

std::vector<SourceView> read_sources(const AnswerPlan& plan, const CorpusIndex& corpus);

// A fact as TextFacts::facts holds it.
std::string fact_key(const Fact& fact);

// What "it", or a sentence that names neither title nor person, is about: these sources, or any.
struct Antecedent {
  bool any = true;
  std::vector<std::size_t> sources;  // Numbers; none: nothing that was said tells.
};

struct Judgement {
  bool supported = false;
  std::vector<std::size_t> sources;  // Numbers.
  std::string reason;
  // What the next sentence's "it" is about, whether this one is shown or not; unchanged if none.
  std::optional<Antecedent> next = {};
};

// `sentence` without list marker and citations.
Judgement judge_sentence(std::string_view sentence, const std::vector<SourceView>& sources,
                         const CorpusIndex& corpus, const Antecedent& antecedent);

// Start is not end, a speaker is not somebody the text mentions, a room is not another session's:
// why the sentence cannot be about this record; empty if it can.
std::string slot_conflict(const ReadSentence& sentence, const Record& record,
                          const CorpusIndex& corpus);

}  // namespace rage::rag
