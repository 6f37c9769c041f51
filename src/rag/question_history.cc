#include "rag/question_history.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "rag/question_words.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr std::size_t kAnchorsMax = 30;
constexpr std::size_t kAnswerCodePointsMax = 8000;  // Of an earlier answer; the rest is not read.

// Records that an earlier answer speaks of: by title, else by the people it names.
std::vector<RecordId> mentioned(std::string_view text, const CorpusIndex& corpus) {
  const auto tokens = tokenize(text::take_code_points(text, kAnswerCodePointsMax));
  std::vector<RecordId> ids;
  const auto add = [&](RecordId id) {
    if (ids.size() < kAnchorsMax && std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  };
  for (const TitleMention& mention : find_titles(tokens, corpus)) {
    if (mention.coverage < 0.8) continue;
    for (const RecordId id : mention.records) add(id);
  }
  if (!ids.empty()) return ids;
  for (const std::uint32_t facet : parse_question(text, corpus).persons) {
    for (const RecordId id : corpus.facets()[facet].records) add(id);
  }
  return ids;
}

class Reader {
 public:
  explicit Reader(const CorpusIndex& corpus) : corpus_(corpus) {}

  Conversation read(std::span<const ChatTurn> turns) const {
    Conversation result;
    std::size_t last = turns.size();
    while (last > 0 && turns[last - 1].role != "user" && turns[last - 1].role != "assistant")
      --last;
    if (last == 0 || turns[last - 1].role != "user") return result;
    result.empty = trim(turns[last - 1].content).empty();
    result.query = parse_question(turns[last - 1].content, corpus_);
    result.standalone = result.query.text;
    const auto history = turns.first(last - 1);
    if (result.empty || history.empty() || !corpus_.structured()) return result;
    const bool elliptical = is_elliptical(result.query);
    if (!elliptical && !is_anaphoric(result.query)) return result;
    if (elliptical && replaces_constraint(result.query) && merge(history, result)) return result;
    result.anchors = anchors(history);
    if (!result.query.titles.empty() && result.query.comparison == Comparison::kNone)
      result.anchors.clear();
    append_titles(result);
    return result;
  }

 private:
  // "And on Thursday?", "What about Octavian Bell?"
  static bool is_elliptical(const Query& query) {
    if (query.tokens.empty()) return false;
    const std::string& first = query.tokens[0].folded;
    const std::string_view second =
        query.tokens.size() > 1 ? std::string_view(query.tokens[1].folded) : "";
    if (is_one_of(first, {"and", "or", "also", "but"})) return true;
    return is_one_of(first, {"what", "how"}) && second == "about";
  }

  static bool has_pronoun(const Query& query) {
    for (std::size_t i = 0; i < query.tokens.size(); ++i) {
      if (query.use[i] == TokenUse::kTitle) continue;
      const std::string& word = query.tokens[i].folded;
      if (is_one_of(word, {"it", "its", "he", "she", "his", "her", "him", "they", "them", "their",
                           "theirs"}))
        return true;
      const std::string_view next =
          i + 1 < query.tokens.size() ? std::string_view(query.tokens[i + 1].folded) : "";
      if (is_one_of(word, {"this", "that", "these", "those"}) &&
          (next.empty() || is_structure_word(next) || is_function_word(next))) {
        return true;
      }
      const bool definite =
          word == "the" &&
          (is_record_noun(next) ||
           is_one_of(next, {"speaker", "speakers", "presenter", "presenters", "author", "room"}));
      if (definite && query.content.size() <= query.attribute.size()) return true;
    }
    return false;
  }

  static bool names_nothing(const Query& query) {
    return query.titles.empty() && query.persons.empty() && query.places.empty() &&
           query.categories.empty() && !query.has_when() &&
           query.content.size() <= query.attribute.size();
  }

  static bool is_anaphoric(const Query& query) {
    if (query.comparison != Comparison::kNone && has_pronoun(query)) return true;
    if (!query.titles.empty()) return false;
    if (has_pronoun(query)) return query.persons.empty() || one_of_them(query);
    return names_nothing(query) && query.absent.empty() && !query.attribute_names_topic();
  }
  static bool one_of_them(const Query& query) {
    return std::ranges::any_of(query.tokens, [](const Token& t) {
      return is_one_of(t.folded, {"them", "these", "those"});
    });
  }

  static bool replaces_constraint(const Query& query) {
    return !has_pronoun(query) &&
           (query.has_when() || !query.persons.empty() || !query.places.empty() ||
            !query.categories.empty() || !query.titles.empty() || !query.content.empty());
  }

  // The earlier question with the new constraints in place of its own.
  bool merge(std::span<const ChatTurn> history, Conversation& result) const {
    std::size_t last = history.size();
    while (last > 0 && history[last - 1].role != "user") --last;
    if (last == 0) return false;
    Conversation earlier = read(history.first(last));
    if (earlier.empty) return false;
    const Query fresh = result.query;
    const std::string text = earlier.query.text + " " + fresh.text;
    if (!fresh.titles.empty() || !fresh.content.empty()) {
      if (result.query.asked == 0) {
        result.query.asked = earlier.query.asked & ~static_cast<std::uint32_t>(kAskedAttribute);
        result.query.asked_fields = earlier.query.asked_fields;
        result.query.list = result.query.list || earlier.query.list;
      }
      result.standalone = text;
      return true;
    }
    Query merged = std::move(earlier.query);
    if (fresh.has_when()) {
      if (!fresh.weekdays.empty() || !fresh.dates.empty()) {
        merged.weekdays = fresh.weekdays;
        merged.dates = fresh.dates;
      }
      if (!fresh.times.empty() || fresh.day_part) {
        merged.times = fresh.times;
        merged.day_part = fresh.day_part;
      }
    }
    if (!fresh.persons.empty()) {
      merged.persons = fresh.persons;
      merged.titles.clear();
    }
    if (!fresh.places.empty()) merged.places = fresh.places;
    if (!fresh.categories.empty()) replace_categories(merged, fresh);
    if (fresh.asked != 0) merged.asked = fresh.asked;
    merged.absent.insert(merged.absent.end(), fresh.absent.begin(), fresh.absent.end());
    result.query = std::move(merged);
    result.anchors = std::move(earlier.anchors);
    result.standalone = text;
    return true;
  }

  // A mention's tokens belong to the question it came from; a hard one never looks at them.
  static void replace_categories(Query& merged, const Query& fresh) {
    merged.categories = fresh.categories;
    for (CategoryMention& mention : merged.categories) {
      mention.hard = true;
      mention.token_begin = mention.token_end = 0;
    }
  }

  std::vector<RecordId> anchors(std::span<const ChatTurn> history) const {
    for (std::size_t i = history.size(); i > 0; --i) {
      const ChatTurn& turn = history[i - 1];
      if (turn.role != "assistant" && turn.role != "user") continue;
      std::vector<RecordId> ids = mentioned(turn.content, corpus_);
      if (!ids.empty()) return ids;
    }
    return {};
  }

  void append_titles(Conversation& result) const {
    std::string titles;
    for (std::size_t i = 0; i < result.anchors.size() && i < 3; ++i) {
      titles += (i > 0 ? "; " : "") + corpus_.records()[result.anchors[i]].title;
    }
    if (!titles.empty()) result.standalone += " (" + titles + ")";
  }

  const CorpusIndex& corpus_;
};

}  // namespace

Conversation read_conversation(const std::vector<ChatTurn>& turns, const CorpusIndex& corpus) {
  std::span<const ChatTurn> recent(turns);
  if (recent.size() > kHistoryTurnsMax) recent = recent.last(kHistoryTurnsMax);
  return Reader(corpus).read(recent);
}

}  // namespace rage::rag
