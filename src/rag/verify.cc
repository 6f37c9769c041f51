#include "rag/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "rag/facts.h"
#include "rag/question.h"
#include "rag/question_passage.h"
#include "rag/question_words.h"
#include "text/sentences.h"

namespace rage::rag {
namespace {

constexpr double kContentWithFacts =
    0.7;  // Share of the other content words that the source must have.
constexpr double kContentAlone = 0.8;    // The same for a sentence that carries no fact.
constexpr std::size_t kSharedAlone = 4;  // Content words it then shares with the source at least.
constexpr std::size_t kWindow = 3;

std::string fact_key(const Fact& fact) {
  switch (fact.kind) {
    case FactKind::kTime:
      return "t:" + fact.normal;
    case FactKind::kDate:
      return "d:" + fact.normal;
    case FactKind::kWeekday:
      return "w:" + fact.normal;
    case FactKind::kYear:
    case FactKind::kNumber:
      return "n:" + fact.normal;
    case FactKind::kMoney:
      return "m:" + fact.normal;
    case FactKind::kPercent:
      return "p:" + fact.normal;
    case FactKind::kUrl:
    case FactKind::kEmail:
      return "u:" + fact.normal;
    case FactKind::kVersion:
      return "v:" + fact.normal;
    case FactKind::kIdentifier:
      return "i:" + fact.normal;
  }
  return {};
}

void add_text(TextFacts& out, std::string_view text) {
  const auto tokens = tokenize(text);
  if (out.words.empty()) out.words = " ";
  for (const Token& token : tokens) {
    out.stems.insert(token.stem);
    out.words += token.folded + " ";
  }
  out.words += "| ";  // A name does not run on into the next text.
  for (const Fact& fact : extract_facts(text, tokens)) {
    out.facts.insert(fact_key(fact));
    if (fact.kind == FactKind::kMoney || fact.kind == FactKind::kPercent) {
      out.facts.insert("n:" + fact.normal.substr(fact.normal.find(' ') + 1));
    }
    if (fact.kind != FactKind::kDate) continue;
    out.facts.insert("d:*" + fact.normal.substr(fact.normal.find('-')));
    const auto date = date_of_normal(fact.normal);
    if (!date || date->year == 0) continue;
    out.facts.insert("w:" + to_lower_ascii(weekday_name(*date)));
    out.facts.insert("n:" + std::to_string(date->year));
  }
}

void add_fields(TextFacts& out, const Record& record) {
  add_text(out, record.title);
  for (const std::string& person : record.persons) add_text(out, person);
  for (const std::string& place : record.places) add_text(out, place);
  for (const FieldValue& value : record.categories) add_text(out, value.value);
  for (const FieldValue& value : record.others) add_text(out, value.value);
  if (record.date) add_text(out, render_date(*record.date));
  if (record.start) add_text(out, render_time(*record.start));
  if (record.end) add_text(out, render_time(*record.end));
  add_text(out, record.url);
  if (record.start && record.end && *record.end > *record.start) {
    const int minutes = *record.end - *record.start;
    out.facts.insert("n:" + std::to_string(minutes));
    if (minutes % 60 == 0) out.facts.insert("n:" + std::to_string(minutes / 60));
    for (const std::string_view unit : {"minut", "hour"}) out.stems.insert(std::string(unit));
  }
}

std::vector<TextFacts> windows_of(std::string_view text) {
  const auto spans = text::split_sentences(text);
  std::vector<TextFacts> windows;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    TextFacts window;
    for (std::size_t k = i; k < spans.size() && k < i + kWindow; ++k) {
      const std::string_view sentence = spans[k].of(text);
      if (is_instruction(sentence)) continue;
      add_text(window, sentence);
      const auto tokens = tokenize(sentence);
      TextFacts::Sentence one{.stems = {}, .negation = has_negation(tokens)};
      for (const Token& token : tokens) one.stems.insert(token.stem);
      window.sentences.push_back(std::move(one));
    }
    windows.push_back(std::move(window));
  }
  return windows;
}

// Words that turn a statement round; they must stand in the source as well.
bool is_relation(std::string_view folded) {
  static constexpr std::array<std::string_view, 34> kRelations = {
      "before", "after", "earlier", "later",    "first", "last",   "only",   "all",   "every",
      "most",   "least", "more",    "less",     "fewer", "than",   "always", "same",  "both",
      "until",  "since", "except",  "instead",  "half",  "double", "twice",  "under", "over",
      "above",  "below", "largest", "smallest", "best",  "worst",  "again"};
  return std::ranges::find(kRelations, folded) != kRelations.end();
}

bool is_speaking_verb(std::string_view stem) {
  static constexpr std::array<std::string_view, 12> kVerbs = {
      "present", "speak", "give",  "talk",  "host",    "deliv",
      "deliver", "lead",  "teach", "given", "speaker", "present"};
  return std::ranges::find(kVerbs, stem) != kVerbs.end();
}

class Judge {
 public:
  Judge(std::string_view sentence, const std::vector<SourceView>& sources,
        const CorpusIndex& corpus)
      : sentence_(sentence),
        sources_(sources),
        corpus_(corpus),
        tokens_(tokenize(sentence)),
        facts_(extract_facts(sentence, tokens_)),
        used_(tokens_.size(), false),
        negation_(has_negation(tokens_)) {}

  Judgement judge() {
    if (tokens_.empty()) return {false, {}, "the sentence is empty"};
    if (corpus_.structured()) titles_ = find_titles(tokens_, corpus_);
    std::erase_if(titles_, [](const TitleMention& mention) { return mention.coverage < 0.7; });
    for (const TitleMention& mention : titles_) use(mention.token_begin, mention.token_end);
    for (const Fact& fact : facts_) use(fact.token_begin, fact.token_end);
    names_ = names();
    for (const NameSpan& name : names_) use(name.token_begin, name.token_end);
    if (spans_two_records()) return {false, {}, "it joins facts of several documents"};
    Judgement result;
    for (const SourceView& source : sources_) {
      if (!may_support(source)) continue;
      if (supports(source)) {
        result.supported = true;
        result.sources.push_back(source.number);
        break;
      }
    }
    if (!result.supported) result.reason = reason_.empty() ? "no source says this" : reason_;
    return result;
  }

 private:
  void use(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end && i < used_.size(); ++i) used_[i] = true;
  }

  // Capitalised runs, without an ordinary word at the head of the sentence.
  std::vector<NameSpan> names() const {
    std::vector<NameSpan> spans;
    for (NameSpan span : extract_names(sentence_, tokens_)) {
      const Token& head = tokens_[span.token_begin];
      const bool ordinary = head.sentence_start && !head.mixed &&
                            (is_function_word(head.folded) || is_structure_word(head.folded) ||
                             corpus_.is_common_word(head.folded) || is_everyday_word(head.folded));
      if (ordinary) ++span.token_begin;
      if (span.token_begin >= span.token_end) continue;
      const bool title = std::ranges::any_of(titles_, [&](const TitleMention& mention) {
        return mention.token_begin <= span.token_begin && span.token_end <= mention.token_end;
      });
      const bool weekday = span.token_end == span.token_begin + 1 && used_[span.token_begin];
      if (!title && !weekday) spans.push_back(span);
    }
    return spans;
  }

  bool spans_two_records() const {
    std::vector<RecordId> common;
    for (const TitleMention& mention : titles_) {
      if (common.empty()) {
        common = mention.records;
        continue;
      }
      std::erase_if(common, [&](RecordId id) {
        return std::ranges::find(mention.records, id) == mention.records.end();
      });
      if (common.empty()) return true;
    }
    return false;
  }

  // A sentence that names a title is about that record alone.
  bool may_support(const SourceView& source) const {
    if (titles_.empty()) return true;
    return source.record && std::ranges::find(titles_.front().records, *source.record) !=
                                titles_.front().records.end();
  }

  bool supports(const SourceView& source) {
    if (!slots_agree(source)) return false;
    static const TextFacts kNone;
    if (matches(source.fields, kNone)) return true;
    return std::ranges::any_of(
        source.windows, [&](const TextFacts& window) { return matches(source.fields, window); });
  }

  bool has_stem(std::initializer_list<std::string_view> stems) const {
    return std::ranges::any_of(tokens_, [&](const Token& token) {
      return std::ranges::find(stems, token.stem) != stems.end();
    });
  }

  // Start is not end, a speaker is not somebody the text mentions, a room is not another session's.
  bool slots_agree(const SourceView& source) {
    if (!source.record) return true;
    const Record& record = corpus_.records()[*source.record];
    std::vector<int> times;
    for (const Fact& fact : facts_) {
      if (fact.kind != FactKind::kTime) continue;
      if (const auto minutes = time_of_normal(fact.normal)) times.push_back(*minutes);
    }
    if (record.start && times.size() == 1) {
      const bool ends = has_stem({"end", "finish", "until", "conclud", "till", "close"});
      if (ends && record.end != times[0]) return refuse("that is not when it ends");
      if (!ends && record.start != times[0]) return refuse("that is not when it starts");
    }
    if (record.start && times.size() >= 2 &&
        (times[0] != *record.start || record.end != times[1])) {
      return refuse("the times are not those of this entry");
    }
    return persons_agree(record) && places_agree(record);
  }

  bool refuse(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  bool persons_agree(const Record& record) {
    if (record.persons.empty() && !corpus_.has_role(FieldRole::kPerson)) return true;
    const bool speaking = std::ranges::any_of(
        tokens_, [](const Token& token) { return is_speaking_verb(token.stem); });
    if (!speaking) return true;
    std::string people = " ";
    for (const std::string& person : record.persons) {
      for (const Token& token : tokenize(person)) people += token.folded + " ";
    }
    for (const NameSpan& name : names_) {
      if (name.token_end - name.token_begin < 2 || !looks_like_person(name)) continue;
      std::string words = " ";
      for (std::size_t i = name.token_begin; i < name.token_end; ++i)
        words += tokens_[i].folded + " ";
      if (people.find(words) == std::string::npos)
        return refuse("the sources do not list " + written(name) + " for this entry");
    }
    return true;
  }

  bool looks_like_person(const NameSpan& name) const {
    for (std::size_t i = name.token_begin; i < name.token_end; ++i) {
      if (tokens_[i].mixed || is_structure_word(tokens_[i].folded)) return false;
      for (const std::uint32_t id : corpus_.facets_with(tokens_[i].folded)) {
        if (corpus_.facets()[id].role == FieldRole::kPlace) return false;
      }
    }
    return true;
  }

  bool places_agree(const Record& record) {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      for (const std::uint32_t id : corpus_.facets_with(tokens_[i].folded)) {
        const Facet& facet = corpus_.facets()[id];
        if (facet.role != FieldRole::kPlace || facet.tokens.size() < 2) continue;
        if (facet.tokens.front().folded != tokens_[i].folded ||
            i + facet.tokens.size() > tokens_.size())
          continue;
        bool said = true;
        for (std::size_t k = 0; k < facet.tokens.size(); ++k)
          said = said && facet.tokens[k].folded == tokens_[i + k].folded;
        if (!said) continue;
        if (std::ranges::find(record.places, facet.value) == record.places.end()) {
          return refuse("the sources do not place this entry in " + facet.value);
        }
      }
    }
    return true;
  }

  std::string written(const NameSpan& name) const {
    const std::size_t begin = tokens_[name.token_begin].begin;
    return std::string(sentence_.substr(
        begin, std::min<std::size_t>(tokens_[name.token_end - 1].end - begin, 80)));
  }

  bool matches(const TextFacts& fields, const TextFacts& window) {
    for (const Fact& fact : facts_) {
      const std::string key = fact_key(fact);
      if (fields.facts.contains(key) || window.facts.contains(key)) continue;
      const std::string_view said = std::string_view(sentence_).substr(
          fact.begin, std::min<std::size_t>(fact.end - fact.begin, 80));
      return refuse(fmt::format("the sources do not mention {}", said));
    }
    for (const NameSpan& name : names_) {
      std::string words = " ";
      for (std::size_t i = name.token_begin; i < name.token_end; ++i)
        words += tokens_[i].folded + " ";
      if (fields.words.find(words) != std::string::npos ||
          window.words.find(words) != std::string::npos)
        continue;
      return refuse("the sources do not mention " + written(name));
    }
    if (!negation_agrees(window)) return refuse("the sources say the opposite");
    return content_matches(fields, window);
  }

  // The source sentence that says most of this must deny if and only if this denies. Fields deny
  // nothing.
  bool negation_agrees(const TextFacts& window) const {
    const TextFacts::Sentence* nearest = nullptr;
    std::size_t most = 0;
    for (const TextFacts::Sentence& one : window.sentences) {
      std::size_t shared = 0;
      for (std::size_t i = 0; i < tokens_.size(); ++i) {
        const bool counts = !is_function_word(tokens_[i].folded) && !in_title(i);
        shared += counts && one.stems.contains(tokens_[i].stem) ? 1 : 0;
      }
      if (shared > most) {
        most = shared;
        nearest = &one;
      }
    }
    if (nearest == nullptr) return !negation_;
    if (nearest->negation != negation_) return !negation_ && only_slots();
    if (!negation_) return true;
    // What is denied must be what the source denies: its facts may not come from the fields.
    return std::ranges::all_of(
        facts_, [&](const Fact& fact) { return window.facts.contains(fact_key(fact)); });
  }
  bool in_title(std::size_t i) const {
    return std::ranges::any_of(titles_, [&](const TitleMention& mention) {
      return mention.token_begin <= i && i < mention.token_end;
    });
  }
  // Nothing but title, names, facts and words such as "takes place": the fields alone say it.
  bool only_slots() const {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (!used_[i] && !is_function_word(tokens_[i].folded) &&
          !is_structure_word(tokens_[i].folded))
        return false;
    }
    return true;
  }

  bool has_anchor() const { return !facts_.empty() || !names_.empty() || !titles_.empty(); }

  bool content_matches(const TextFacts& fields, const TextFacts& window) {
    double all = 0;
    double found = 0;
    std::unordered_set<std::string_view> shared;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const Token& token = tokens_[i];
      const bool relation = is_relation(token.folded);
      const bool has = window.stems.contains(token.stem) || fields.stems.contains(token.stem);
      if (relation && !used_[i] && !has)
        return refuse(fmt::format("the sources do not say “{}”", token.folded));
      if (used_[i] || is_function_word(token.folded) || is_structure_word(token.folded)) continue;
      const double weight = corpus_.idf(token.stem);
      all += weight;
      if (has) found += weight;
      if (has) shared.insert(token.stem);
    }
    if (all <= 0) return has_anchor() ? true : refuse("it says nothing");
    // "There is a reason for everything": some source has both words, and supports nothing.
    if (!has_anchor() && shared.size() < kSharedAlone) return refuse("it says too little");
    const double needed = has_anchor() ? kContentWithFacts : kContentAlone;
    return found / all >= needed ? true : refuse("the sources do not say this");
  }

  std::string_view sentence_;
  const std::vector<SourceView>& sources_;
  const CorpusIndex& corpus_;
  std::vector<Token> tokens_;
  std::vector<Fact> facts_;
  std::vector<bool> used_;
  bool negation_ = false;
  std::vector<TitleMention> titles_;
  std::vector<NameSpan> names_;
  std::string reason_;
};

}  // namespace

std::vector<SourceView> read_sources(const AnswerPlan& plan, const CorpusIndex& corpus) {
  std::vector<SourceView> views;
  for (const RetrievedChunk& source : plan.sources) {
    SourceView view;
    view.number = views.size() + 1;
    view.record = corpus.find_document(source.chunk.doc_id);
    std::string_view text = source.chunk.text;
    if (view.record) {
      const Record& record = corpus.records()[*view.record];
      add_fields(view.fields, record);
      // A record's text repeats its fields at the head; its body does not.
      if (corpus.structured() && record.chunks.size() == 1) text = record.body;
    }
    if (!corpus.structured()) view.record.reset();
    view.windows = windows_of(text);
    views.push_back(std::move(view));
  }
  return views;
}

Judgement judge_sentence(std::string_view sentence, const std::vector<SourceView>& sources,
                         const CorpusIndex& corpus) {
  return Judge(sentence, sources, corpus).judge();
}

}  // namespace rage::rag
