#include "cli/eval_grade.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <unordered_set>

#include "base/strings.h"
#include "text/analyzer.h"
#include "text/unicode.h"

namespace rage::cli {
namespace {

using codec::Json;

constexpr std::size_t kStringsMax = 1000;   // Of one field of a question.
constexpr std::size_t kSourcesMax = 64;     // Of one reply.
constexpr std::size_t kSentencesMax = 256;  // Of one reply.
constexpr double kCitationMax = 10'000;
constexpr std::size_t kCandidatesMax = 64;  // Of one reply.
constexpr double kRelevanceMax = 100;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// Case, accents, kinds of hyphens and apostrophes and runs of spaces make no difference.
std::string fold(std::string_view text) {
  std::string same(text);
  replace_all(same, "\u2019", "'");
  replace_all(same, "\u2011", "-");
  replace_all(same, "\u00A0", " ");
  same = text::fold(same);
  std::string out;
  for (const char c : same) {
    const bool space = is_ascii_space(c);
    if (space && !out.empty() && out.back() == ' ') continue;
    out += space ? ' ' : c;
  }
  return out;
}

Result<std::vector<std::string>> read_strings(const Json& list, std::string_view key) {
  std::vector<std::string> strings;
  if (!list.is_array() || list.size() > kStringsMax)
    return fail(ErrorCode::kInvalidArgument, "'{}' must be a list of at most {} strings", key,
                kStringsMax);
  for (const Json& item : list) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty())
      return fail(ErrorCode::kInvalidArgument, "'{}' must hold strings that are not empty", key);
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

Result<std::vector<std::string>> strings_of(const Json& row, std::string_view key) {
  const Json* list = codec::find_key(row, key);
  if (list == nullptr) return std::vector<std::string>{};
  return read_strings(*list, key);
}

Result<std::vector<std::vector<std::string>>> groups_of(const Json& row) {
  std::vector<std::vector<std::string>> groups;
  const Json* list = codec::find_key(row, "any_of");
  if (list == nullptr) return groups;
  if (!list->is_array() || list->size() > kStringsMax)
    return fail(ErrorCode::kInvalidArgument, "'any_of' must be a list of lists");
  for (const Json& item : *list) {
    ASSIGN_OR_RETURN(auto group, read_strings(item, "any_of"));
    groups.push_back(std::move(group));
  }
  return groups;
}

Result<Json> history_of(const Json& row) {
  const Json* history = codec::find_key(row, "history");
  if (history == nullptr || history->is_null()) return Json::array();
  const bool messages = history->is_array() && std::ranges::all_of(*history, [](const Json& turn) {
                          return !codec::string_or(turn, "role", "").empty() &&
                                 !codec::string_or(turn, "content", "").empty();
                        });
  if (!messages)
    return fail(ErrorCode::kInvalidArgument, "'history' must be a list of {{role, content}}");
  return *history;
}

Result<std::map<std::string, double>> qrels_of(const Json& row) {
  std::map<std::string, double> qrels;
  const Json* object = codec::find_key(row, "qrels");
  if (object == nullptr || object->is_null()) return qrels;
  if (!object->is_object() || object->size() > kStringsMax)
    return fail(ErrorCode::kInvalidArgument, "'qrels' must be an object of numbers");
  for (const auto& [url, relevance] : object->items()) {
    const double value = relevance.is_number() ? relevance.get<double>() : -1;
    if (!(value >= 0 && value <= kRelevanceMax))
      return fail(ErrorCode::kInvalidArgument, "'qrels' must hold numbers from 0 to 100");
    qrels[url] = value;
  }
  return qrels;
}

Result<EvalQuestion> parse_question(std::string_view line) {
  ASSIGN_OR_RETURN(const Json row, codec::parse_json(line));
  EvalQuestion question;
  question.id = codec::string_or(row, "id", "");
  question.question = codec::string_or(row, "question", "");
  question.type = codec::string_or(row, "type", "other");
  if (question.id.empty() || question.question.empty())
    return fail(ErrorCode::kInvalidArgument, "'id' and 'question' must be strings");
  const Json* answerable = codec::find_key(row, "answerable");
  if (answerable == nullptr || !answerable->is_boolean())
    return fail(ErrorCode::kInvalidArgument, "'answerable' must be true or false");
  question.answerable = answerable->get<bool>();
  ASSIGN_OR_RETURN(question.expected_urls, strings_of(row, "expected_urls"));
  ASSIGN_OR_RETURN(question.must_include, strings_of(row, "must_include"));
  ASSIGN_OR_RETURN(question.must_not_include, strings_of(row, "must_not_include"));
  ASSIGN_OR_RETURN(question.any_of, groups_of(row));
  ASSIGN_OR_RETURN(question.history, history_of(row));
  ASSIGN_OR_RETURN(question.qrels, qrels_of(row));
  return question;
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(
      words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// `lead` and one of `rest` right behind it.
bool has_phrase(std::string_view text, std::string_view lead,
                std::initializer_list<std::string_view> rest) {
  for (std::size_t at = 0; (at = text.find(lead, at)) != std::string_view::npos; ++at) {
    const std::string_view behind = text.substr(at + lead.size());
    if (std::ranges::any_of(rest, [&](std::string_view word) { return behind.starts_with(word); }))
      return true;
  }
  return false;
}

bool folded_says_no(std::string_view text) {
  const std::initializer_list<std::string_view> verbs = {
      "say",  "tell",    "answer", "mention", "list",    "have",    "name",
      "give", "contain", "state",  "show",    "include", "announce"};
  return has_phrase(text, "do not ", verbs) || has_phrase(text, "does not ", verbs) ||
         has_phrase(text, "no ",
                    {"session", "document", "source", "talk", "entry", "information"}) ||
         has_phrase(text, "not ",
                    {"listed", "announced", "mentioned", "stated", "given", "in the", "on the"}) ||
         has_any(text, {"nothing about", "nothing on", "cannot find", "cannot tell", "don't know"});
}

bool wants_one_fact(const EvalQuestion& question) {
  static constexpr std::array<std::string_view, 5> kShort = {"single-fact", "paraphrase", "typo",
                                                             "follow-up", "unanswerable"};
  return std::ranges::find(kShort, question.type) != kShort.end();
}

// What a right answer must have and this one lacks; empty if nothing.
std::string missing_from(const EvalQuestion& question, std::string_view folded) {
  const auto occurs = [&](const std::string& term) {
    return folded.find(fold(term)) != std::string_view::npos;
  };
  for (const std::string& term : question.must_include) {
    if (!occurs(term)) return "“" + term + "”";
  }
  for (const auto& group : question.any_of) {
    if (std::ranges::none_of(group, occurs)) return "one of “" + join(group, "”, “") + "”";
  }
  return {};
}

std::string forbidden_in(const EvalQuestion& question, std::string_view folded) {
  for (const std::string& term : question.must_not_include) {
    if (folded.find(fold(term)) != std::string_view::npos) return term;
  }
  return {};
}

std::string why_not(const EvalQuestion& question, const Grade& grade, const std::string& missing,
                    const std::string& forbidden, bool too_long) {
  if (!forbidden.empty()) return "contains “" + forbidden + "”, which is wrong here";
  if (!question.answerable && !grade.declined) return "answers what the documents do not tell";
  if (question.answerable && !missing.empty())
    return (grade.declined ? "declined; lacks " : "lacks ") + missing;
  if (too_long) return fmt::format("has more than {} characters", kShortReplyMax);
  return {};
}

void read_sources(const Json& completion, EvalReply& reply) {
  const Json* nodes = codec::find_key(completion, "source_nodes");
  if (nodes == nullptr || !nodes->is_array()) return;
  for (std::size_t i = 0; i < nodes->size() && i < kSourcesMax; ++i) {
    const Json& node = (*nodes)[i];
    const Json* metadata = codec::find_key(node, "metadata");
    EvalSource source;
    if (metadata != nullptr) {
      source.title = codec::string_or(*metadata, "title", "");
      source.url = codec::string_or(*metadata, "url", "");
    }
    const Json* score = codec::find_key(node, "score");
    if (score != nullptr && score->is_number()) source.score = score->get<double>();
    reply.sources.push_back(std::move(source));
  }
}

// The citations of the grounding: sources get their numbers, others are added.
void read_citations(const Json& grounding, EvalReply& reply) {
  const Json* list = codec::find_key(grounding, "citations");
  if (list == nullptr || !list->is_array()) return;
  for (std::size_t i = 0; i < list->size() && i < kSourcesMax; ++i) {
    const std::string url = codec::string_or((*list)[i], "url", "");
    const std::string title = codec::string_or((*list)[i], "title", "");
    const double number = codec::number_or((*list)[i], "number", 0);
    if (!(number >= 1 && number <= kCitationMax)) continue;
    auto known = std::ranges::find_if(reply.sources, [&](const EvalSource& source) {
      return source.number == 0 && source.url == url && source.title == title;
    });
    if (known == reply.sources.end())
      known = reply.sources.insert(known, {.number = 0, .title = title, .url = url, .score = {}});
    known->number = static_cast<std::size_t>(number);
  }
}

bool is_true(const Json& object, std::string_view key) {
  const Json* value = codec::find_key(object, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

void read_sentences(const Json& grounding, EvalReply& reply) {
  const Json* list = codec::find_key(grounding, "sentences");
  if (list == nullptr || !list->is_array()) return;
  for (std::size_t i = 0; i < list->size() && i < kSentencesMax; ++i) {
    const std::string verdict = codec::string_or((*list)[i], "verdict", "");
    reply.sentences.push_back({.text = codec::string_or((*list)[i], "text", ""),
                               .supported = verdict == "supported" || verdict == "partly",
                               .dropped = codec::string_or((*list)[i], "dropped", ""),
                               .reason = codec::string_or((*list)[i], "reason", ""),
                               .shown = is_true((*list)[i], "shown")});
  }
}

std::optional<double> number_of(const Json& object, std::string_view key) {
  const Json* value = codec::find_key(object, key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

void read_candidates(const Json& trace, EvalReply& reply) {
  const Json* list = codec::find_key(trace, "candidates");
  if (list == nullptr || !list->is_array()) return;
  for (std::size_t i = 0; i < list->size() && i < kCandidatesMax; ++i) {
    const Json& one = (*list)[i];
    reply.candidates.push_back({.title = codec::string_or(one, "title", ""),
                                .url = codec::string_or(one, "url", ""),
                                .score = codec::number_or(one, "score", 0),
                                .dense = number_of(one, "dense_score"),
                                .sparse = number_of(one, "sparse_score"),
                                .used = is_true(one, "used"),
                                .why = codec::string_or(one, "why", "")});
  }
}

void read_prompt(const Json& trace, EvalReply& reply) {
  const Json* list = codec::find_key(trace, "prompt");
  if (list == nullptr || !list->is_array()) return;
  for (const Json& turn : *list) {
    reply.prompt += fmt::format("[{}]\n{}\n\n", codec::string_or(turn, "role", ""),
                                codec::string_or(turn, "content", ""));
  }
}

}  // namespace

Result<std::vector<EvalQuestion>> parse_eval_questions(std::string_view lines) {
  std::vector<EvalQuestion> questions;
  std::unordered_set<std::string> ids;
  std::size_t number = 0;
  for (const std::string_view line : split(lines, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    if (questions.size() == kEvalQuestionsMax)
      return fail(ErrorCode::kInvalidArgument, "more than {} questions", kEvalQuestionsMax);
    auto question = parse_question(trim(line));
    if (!question)
      return fail(std::move(question).error().with_context(fmt::format("line {}", number)));
    if (!ids.insert(question->id).second)
      return fail(ErrorCode::kInvalidArgument, "line {}: the id '{}' was used before", number,
                  question->id);
    questions.push_back(*std::move(question));
  }
  if (questions.empty()) return fail(ErrorCode::kInvalidArgument, "no question in the file");
  return questions;
}

EvalReply read_eval_reply(const Json& completion) {
  EvalReply reply;
  reply.id = codec::string_or(completion, "id", "");
  const Json* choices = codec::find_key(completion, "choices");
  if (choices != nullptr && choices->is_array() && !choices->empty()) {
    const Json* message = codec::find_key((*choices)[0], "message");
    if (message != nullptr) reply.answer = codec::string_or(*message, "content", "");
  }
  read_sources(completion, reply);
  const Json* grounding = codec::find_key(completion, "grounding");
  if (grounding == nullptr) return reply;
  reply.mode = codec::string_or(*grounding, "mode", "");
  reply.standalone_question = codec::string_or(*grounding, "question", "");
  const Json* sufficiency = codec::find_key(*grounding, "sufficiency");
  if (sufficiency != nullptr && sufficiency->is_number())
    reply.sufficiency = sufficiency->get<double>();
  read_citations(*grounding, reply);
  read_sentences(*grounding, reply);
  return reply;
}

void read_eval_trace(const Json& trace, EvalReply& reply) {
  reply.finding = codec::string_or(trace, "finding", "");
  if (const Json* list = codec::find_key(trace, "constraints");
      list != nullptr && list->is_array()) {
    for (std::size_t i = 0; i < list->size() && i < kStringsMax; ++i) {
      if ((*list)[i].is_string()) reply.constraints.push_back((*list)[i].get<std::string>());
    }
  }
  read_candidates(trace, reply);
  read_prompt(trace, reply);
  if (const Json* features = codec::find_key(trace, "features")) reply.features = *features;
}

bool says_no(std::string_view answer) {
  return folded_says_no(fold(answer));
}

Grade grade_reply(const EvalQuestion& question, const EvalReply& reply) {
  Grade grade;
  if (!reply.error.empty()) {
    grade.why = reply.error;
    return grade;
  }
  const std::string folded = fold(reply.answer);
  const std::string missing = missing_from(question, folded);
  const std::string forbidden = forbidden_in(question, folded);
  const bool too_long =
      wants_one_fact(question) && text::count_code_points(reply.answer) > kShortReplyMax;
  grade.declined = folded_says_no(folded);
  const bool complete = question.answerable ? missing.empty() : grade.declined;
  grade.right = complete && forbidden.empty() && !too_long;
  // What is neither complete nor declined asserts something that was not asked or is not true.
  grade.wrong_fact = !forbidden.empty() || (!complete && !grade.declined);
  if (!grade.right) grade.why = why_not(question, grade, missing, forbidden, too_long);
  return grade;
}

CitationCounts count_citations(const EvalQuestion& question, const EvalReply& reply) {
  CitationCounts counts;
  if (!question.answerable || question.expected_urls.empty()) return counts;
  std::unordered_set<std::string_view> cited;
  for (const EvalSource& source : reply.sources) {
    if (source.number > 0) cited.insert(source.url);
  }
  counts.cited = cited.size();
  counts.expected = question.expected_urls.size();
  for (const std::string& url : question.expected_urls) counts.both += cited.contains(url) ? 1 : 0;
  return counts;
}

}  // namespace rage::cli
