#include "rag/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "rag/question_words.h"

namespace rage::rag {
namespace {

constexpr double kContentWithFacts =
    0.7;  // Share of the other content words that the source must have.
constexpr double kContentAlone = 0.8;    // The same for a sentence that carries no fact.
constexpr double kDenied = 0.8;          // Share of a denial's words that one source denial has.
constexpr std::size_t kSharedAlone = 4;  // Content words it then shares with the source at least.
constexpr std::size_t kQuotedMin = 4;    // Words of a quotation, and their share of the sentence
constexpr double kQuotedShare = 0.6;     // they are taken from.
constexpr std::size_t kNeighbours = 2;   // Words after a relation that say what it is about.

// "It covers containers": one word of the text says what the entry is about.
bool is_topic_word(std::string_view stem) {
  static constexpr std::array<std::string_view, 16> kWords = {
      "about",  "cover",  "discuss", "deal",    "focus", "explain",  "address", "concern",
      "includ", "explor", "featur",  "describ", "show",  "introduc", "topic",   "compar"};
  return std::ranges::find(kWords, stem) != kWords.end();
}

class Judge {
 public:
  Judge(std::string_view sentence, const std::vector<SourceView>& sources,
        const CorpusIndex& corpus, const Antecedent& antecedent)
      : sources_(sources),
        corpus_(corpus),
        antecedent_(antecedent),
        said_(read_sentence(sentence, corpus)),
        dependent_(is_dependent()) {
    words_ = " ";
    for (const Token& token : said_.tokens) words_ += token.folded + " ";
  }

  Judgement judge() {
    if (said_.tokens.empty()) return {false, {}, "the sentence is empty"};
    Judgement result;
    if (spans_two_records()) {
      result.reason = "it joins facts of several documents";
      result.next = Antecedent{.any = false, .sources = {}};
      return result;
    }
    if (dependent_ && !antecedent_.any && antecedent_.sources.empty())
      reason_ = "it does not say what it is about";
    for (const SourceView& source : sources_) {
      if (!may_support(source) || !supports(source)) continue;
      result.supported = true;
      result.sources.push_back(source.number);
      break;
    }
    if (!result.supported) result.reason = reason_.empty() ? "no source says this" : reason_;
    result.next = next_antecedent(result);
    return result;
  }

 private:
  // The next "it" is what this sentence is about; a dropped one may have been about anything.
  std::optional<Antecedent> next_antecedent(const Judgement& result) const {
    if (result.supported) return Antecedent{.any = false, .sources = result.sources};
    if (dependent_) return std::nullopt;
    Antecedent next{.any = false, .sources = {}};
    if (said_.titles.empty()) return next;
    for (const SourceView& source : sources_) {
      if (may_support(source)) next.sources.push_back(source.number);
    }
    return next;
  }

  // Says of something named elsewhere when or where it is.
  bool is_dependent() const {
    const bool bare = said_.tokens.size() > 2 && said_.tokens[0].folded == "the" &&
                      is_structure_word(said_.tokens[1].folded) &&
                      (said_.tokens[2].folded == "is" || said_.tokens[2].folded == "was");
    // A person may be a title as well: "The speaker is" says of whom in no case.
    if (bare && corpus_.structured()) return true;
    if (said_.tokens.empty() || !said_.titles.empty()) return false;
    if (is_pronoun(said_.tokens.front().folded)) return true;
    if (!corpus_.structured()) return false;
    const bool person = std::ranges::any_of(said_.names, [&](const NameSpan& name) {
      for (std::size_t i = name.token_begin; i < name.token_end; ++i) {
        for (const std::uint32_t id : corpus_.facets_with(said_.tokens[i].folded)) {
          if (corpus_.facets()[id].role == FieldRole::kPerson) return true;
        }
      }
      return false;
    });
    const bool introduces = said_.tokens.size() > 1 && said_.tokens.front().folded == "the" &&
                            is_structure_word(said_.tokens[1].folded);
    return introduces || (!person && said_.only_slots());
  }

  bool spans_two_records() const {
    std::vector<RecordId> common;
    for (const TitleMention& mention : said_.titles) {
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
    if (dependent_ && !antecedent_.any &&
        std::ranges::find(antecedent_.sources, source.number) == antecedent_.sources.end())
      return false;
    if (said_.titles.empty()) return true;
    const auto& records = said_.titles.front().records;
    return source.record && std::ranges::find(records, *source.record) != records.end();
  }

  bool supports(const SourceView& source) {
    if (std::ranges::any_of(source.windows,
                            [&](const TextFacts& window) { return quotes(window); }))
      return true;
    const Record* record = source.record ? &corpus_.records()[*source.record] : nullptr;
    if (record != nullptr) {
      if (std::string conflict = slot_conflict(said_, *record, corpus_); !conflict.empty())
        return refuse(std::move(conflict));
    }
    starts_known_ = record != nullptr && record->start.has_value();
    static const TextFacts kNone;
    if (matches(source.fields, kNone)) return true;
    return std::ranges::any_of(
        source.windows, [&](const TextFacts& window) { return matches(source.fields, window); });
  }

  // Word for word, and not a part that leaves out the "not".
  bool quotes(const TextFacts& window) const {
    if (said_.tokens.size() < kQuotedMin) return false;
    return std::ranges::any_of(window.sentences, [&](const TextFacts::Sentence& one) {
      const bool enough = static_cast<double>(said_.tokens.size()) >=
                          kQuotedShare * static_cast<double>(one.length);
      return enough && one.negation == said_.negation &&
             one.words.find(words_) != std::string::npos;
    });
  }

  bool refuse(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  bool facts_match(const TextFacts& fields, const TextFacts& window) {
    const auto has = [&](const std::string& key) {
      return fields.facts.contains(key) || window.facts.contains(key);
    };
    const auto measured = [&](const Fact& fact) {
      return std::ranges::any_of(said_.quantities, [&](const Quantity& one) {
        return one.token_begin <= fact.token_begin && fact.token_begin < one.token_end;
      });
    };
    for (const Fact& fact : said_.facts) {
      if (measured(fact) || has(fact_key(fact))) continue;
      return refuse(
          "the sources do not mention " +
          said_.text.substr(fact.begin, std::min<std::size_t>(fact.end - fact.begin, 80)));
    }
    for (const Quantity& one : said_.quantities) {
      if (has("q:" + one.normal)) continue;
      return refuse("the sources do not mention " +
                    said_.written({one.token_begin, one.token_end}));
    }
    for (const std::string& address : said_.addresses) {
      if (!has("a:" + address)) return refuse("the sources do not mention " + address);
    }
    return counts_match(fields, window);
  }

  // Forty laptops are not forty schools.
  bool counts_match(const TextFacts& fields, const TextFacts& window) {
    for (const Counted& one : counted_in(said_.text, said_.tokens, said_.facts, said_.quantities)) {
      const auto same = [&](const Counted& source) { return counts_same(one, source); };
      if (std::ranges::none_of(fields.counted, same) && std::ranges::none_of(window.counted, same))
        return refuse("the sources do not count " + one.number + " of these");
    }
    return true;
  }

  bool matches(const TextFacts& fields, const TextFacts& window) {
    if (!facts_match(fields, window)) return false;
    for (const NameSpan& name : said_.names) {
      const std::string words = said_.words_of(name);
      if (fields.words.find(words) != std::string::npos ||
          window.words.find(words) != std::string::npos)
        continue;
      return refuse("the sources do not mention " + said_.written(name));
    }
    if (!negation_agrees(window)) return refuse("the sources say the opposite");
    return relations_match(window) && content_matches(fields, window);
  }

  // The source sentence that says most of this must deny if and only if this denies. Fields deny
  // nothing.
  bool negation_agrees(const TextFacts& window) const {
    if (said_.negation && !said_.titles.empty() && said_.only_slots()) return false;
    const TextFacts::Sentence* nearest = nullptr;
    std::size_t most = 0;
    for (const TextFacts::Sentence& one : window.sentences) {
      std::size_t shared = 0;
      for (std::size_t i = 0; i < said_.tokens.size(); ++i) {
        const bool counts = !is_function_word(said_.tokens[i].folded) && !said_.in_title(i);
        shared += counts && one.stems.contains(said_.tokens[i].stem) ? 1 : 0;
      }
      if (shared > most) {
        most = shared;
        nearest = &one;
      }
    }
    if (nearest == nullptr) return !said_.negation;
    if (nearest->negation != said_.negation) return !said_.negation && said_.only_slots();
    return !said_.negation || denies_the_same(window, *nearest);
  }

  // What is denied must be what the source denies: its facts may not come from the fields, nor its
  // words from elsewhere.
  bool denies_the_same(const TextFacts& window, const TextFacts::Sentence& denial) const {
    const bool facts = std::ranges::all_of(
        said_.facts, [&](const Fact& fact) { return window.facts.contains(fact_key(fact)); });
    const bool names = std::ranges::all_of(said_.names, [&](const NameSpan& name) {
      return window.words.find(said_.words_of(name)) != std::string::npos;
    });
    double all = 0;
    double found = 0;
    for (std::size_t i = 0; i < said_.tokens.size(); ++i) {
      if (said_.in_title(i) || said_.used[i] || is_function_word(said_.tokens[i].folded) ||
          is_denial(said_.tokens, i))
        continue;
      all += 1;
      found += denial.stems.contains(said_.tokens[i].stem) ? 1 : 0;
    }
    return facts && names && all > 0 && found >= kDenied * all;
  }

  // "until 3 PM" is an end, "more about it" no comparison.
  bool is_bare_relation(std::size_t i) const {
    const auto& tokens = said_.tokens;
    if (!is_relation(tokens[i].folded) || said_.used[i]) return false;
    if (tokens[i].folded == "until") {
      return std::ranges::none_of(said_.facts, [&](const Fact& fact) {
        return fact.kind == FactKind::kTime && fact.token_begin == i + 1;
      });
    }
    const std::string_view next =
        i + 1 < tokens.size() ? std::string_view(tokens[i + 1].folded) : std::string_view();
    if (tokens[i].folded == "over") return next != "at" && next != "by";
    return tokens[i].folded != "more" ||
           (next != "about" && next != "on" && next != "information" && next != "details");
  }

  // "The only session" must be what some sentence of the source calls the only session.
  bool relations_match(const TextFacts& window) {
    const auto& tokens = said_.tokens;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (!is_bare_relation(i)) continue;
      std::vector<std::string_view> about;
      for (std::size_t k = i + 1; k < tokens.size() && about.size() < kNeighbours; ++k) {
        if (!is_function_word(tokens[k].folded)) about.push_back(tokens[k].stem);
      }
      const bool told = std::ranges::any_of(window.sentences, [&](const auto& one) {
        const bool near = about.empty() || std::ranges::any_of(about, [&](std::string_view stem) {
                            return one.stems.contains(std::string(stem));
                          });
        return one.stems.contains(tokens[i].stem) && near;
      });
      if (!told) return refuse(fmt::format("the sources do not say “{}”", tokens[i].folded));
    }
    return true;
  }

  bool content_matches(const TextFacts& fields, const TextFacts& window) {
    double all = 0;
    double found = 0;
    std::unordered_set<std::string_view> shared;
    std::unordered_set<std::string_view> of_text;
    bool topic = false;
    for (std::size_t i = 0; i < said_.tokens.size(); ++i) {
      const Token& token = said_.tokens[i];
      topic = topic || is_topic_word(token.stem);
      if (said_.used[i] || is_function_word(token.folded) || is_structure_word(token.folded))
        continue;
      if (starts_known_ && day_part_of(token.folded) && said_.only_slots()) continue;
      const bool in_fields = fields.stems.contains(token.stem);
      const bool has = in_fields || window.stems.contains(token.stem);
      const double weight = corpus_.idf(token.stem);
      all += weight;
      if (has) found += weight;
      if (has) shared.insert(token.stem);
      if (has && !in_fields) of_text.insert(token.stem);
    }
    if (all <= 0) return said_.has_anchor() ? true : refuse("it says nothing");
    // "There is a reason for everything": some source has both words, and supports nothing.
    if (!said_.has_anchor() && shared.size() < kSharedAlone) return refuse("it says too little");
    // "The talk has been moved": a description that moves something else says no such thing.
    if (!said_.titles.empty() && !said_.negation && of_text.size() == 1 && !topic &&
        !told_by(window))
      return refuse("the sources do not say this of it");
    const double needed = said_.has_anchor() ? kContentWithFacts : kContentAlone;
    return found / all >= needed ? true : refuse("the sources do not say this");
  }

  // Some fact or name of the sentence stands in the text itself.
  bool told_by(const TextFacts& window) const {
    return std::ranges::any_of(
               said_.facts,
               [&](const Fact& fact) { return window.facts.contains(fact_key(fact)); }) ||
           std::ranges::any_of(said_.names, [&](const NameSpan& name) {
             return window.words.find(said_.words_of(name)) != std::string::npos;
           });
  }

  const std::vector<SourceView>& sources_;
  const CorpusIndex& corpus_;
  const Antecedent& antecedent_;
  const ReadSentence said_;
  const bool dependent_;
  std::string words_;
  bool starts_known_ = false;  // Of the source looked at.
  std::string reason_;
};

}  // namespace

Judgement judge_sentence(std::string_view sentence, const std::vector<SourceView>& sources,
                         const CorpusIndex& corpus, const Antecedent& antecedent) {
  return Judge(sentence, sources, corpus, antecedent).judge();
}

}  // namespace rage::rag
