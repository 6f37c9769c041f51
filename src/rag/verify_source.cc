// Sources as the verifier looks at them: fields, and windows of their text.
#include <string>
#include <string_view>

#include "base/strings.h"
#include "rag/untrusted.h"
#include "rag/verify.h"
#include "text/sentences.h"

namespace rage::rag {
namespace {

constexpr std::size_t kWindow = 3;

// A fact in every form in which it may be said again.
void add_fact(TextFacts& out, const Fact& fact) {
  out.facts.insert(fact_key(fact));
  if (fact.kind == FactKind::kMoney || fact.kind == FactKind::kPercent) {
    out.facts.insert("n:" + fact.normal.substr(fact.normal.find(' ') + 1));
  }
  if (fact.kind != FactKind::kDate) return;
  out.facts.insert("d:*" + fact.normal.substr(fact.normal.find('-')));
  const auto date = date_of_normal(fact.normal);
  if (!date || date->year == 0) return;
  out.facts.insert("w:" + to_lower_ascii(weekday_name(*date)));
  out.facts.insert("n:" + std::to_string(date->year));
}

void add_text(TextFacts& out, std::string_view text) {
  const auto tokens = tokenize(text);
  if (out.words.empty()) out.words = " ";
  for (const Token& token : tokens) {
    out.stems.insert(token.stem);
    out.words += token.folded + " ";
  }
  out.words += "| ";  // A name does not run on into the next text.
  const auto facts = extract_facts(text, tokens);
  const auto quantities = extract_quantities(text, tokens, facts);
  for (const Fact& fact : facts) add_fact(out, fact);
  for (const Quantity& one : quantities) out.facts.insert("q:" + one.normal);
  for (const std::string& address : addresses_in(text, tokens)) {
    out.facts.insert("a:" + address);
    out.facts.insert("a:" + address.substr(0, address.find('/')));
  }
  for (Counted& one : counted_in(text, tokens, facts, quantities))
    out.counted.push_back(std::move(one));
}

void add_fields(TextFacts& out, const Record& record) {
  if (!is_instruction(record.title)) add_text(out, record.title);
  for (const std::string& person : record.persons) add_text(out, person);
  for (const std::string& place : record.places) add_text(out, place);
  for (const FieldValue& value : record.categories) add_text(out, value.value);
  for (const FieldValue& value : record.others) add_text(out, value.value);
  if (record.date) add_text(out, render_date(*record.date));
  if (record.start) add_text(out, render_time(*record.start));
  if (record.end) add_text(out, render_time(*record.end));
  add_text(out, record.url);
  if (record.start && record.end && *record.end > *record.start) {
    out.facts.insert("q:" + normal_of_minutes(*record.end - *record.start));
    for (const std::string_view unit : {"minut", "hour"}) out.stems.insert(std::string(unit));
  }
}

TextFacts::Sentence read_source_sentence(std::string_view text) {
  const auto tokens = tokenize(text);
  TextFacts::Sentence one{.stems = {}, .words = " ", .length = tokens.size(), .negation = false};
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    one.stems.insert(tokens[i].stem);
    one.words += tokens[i].folded + " ";
    one.negation = one.negation || is_denial(tokens, i);
  }
  return one;
}

std::vector<TextFacts> windows_of(std::string_view text) {
  const auto spans = text::split_sentences(text);
  std::vector<TextFacts> windows;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    TextFacts window;
    for (std::size_t k = i; k < spans.size() && k < i + kWindow; ++k) {
      const std::string_view sentence = spans[k].of(text);
      add_text(window, sentence);
      window.sentences.push_back(read_source_sentence(sentence));
    }
    windows.push_back(std::move(window));
  }
  return windows;
}

}  // namespace

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

TextFacts read_text(std::string_view text) {
  TextFacts facts;
  add_text(facts, text);
  return facts;
}

std::vector<SourceView> read_sources(const AnswerPlan& plan, const CorpusIndex& corpus) {
  std::vector<SourceView> views;
  for (const RetrievedChunk& source : plan.sources) {
    SourceView view;
    view.number = views.size() + 1;
    view.record = corpus.find_document(source.chunk.doc_id);
    std::string text = trusted_text(source.chunk.text, "");
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

}  // namespace rage::rag
