// AnswerVerifier: sentences out of a stream, judged one by one.
#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/strings.h"
#include "rag/corpus.h"
#include "rag/grounding.h"
#include "rag/source_spans.h"
#include "rag/untrusted.h"
#include "rag/verify.h"
#include "rag/verify_cut.h"
#include "rag/verify_split.h"
#include "text/analyzer.h"
#include "text/sentences.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr std::size_t kPendingBytesMax = 16384;  // A "sentence" longer than this is cut.
constexpr std::size_t kSentencesMax = 200;       // What a model says beyond is not read.

// "[3]", "[1, 2]", "【4】" that a model wrote: ours are the only ones.
std::string without_citations(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '[') {
      const std::size_t close = text.find(']', i);
      const std::string_view inside =
          close == std::string_view::npos ? std::string_view{} : text.substr(i + 1, close - i - 1);
      const bool numbers =
          !inside.empty() && inside.find_first_not_of("0123456789,;- ^") == std::string_view::npos;
      if (numbers) {
        while (!out.empty() && out.back() == ' ') out.pop_back();
        i = close + 1;
        continue;
      }
    }
    out += text[i++];
  }
  return out;
}

// The list marker of a line: "- ", "* ", "12. ".
std::size_t marker_length(std::string_view line) {
  if (line.starts_with("- ") || line.starts_with("* ") || line.starts_with("+ ")) return 2;
  if (line.starts_with("• ")) return std::string_view("• ").size();
  std::size_t digits = 0;
  while (digits < line.size() && digits < 3 && is_ascii_digit(line[digits])) ++digits;
  const bool marked = digits > 0 && digits + 1 < line.size() &&
                      (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ';
  return marked ? digits + 2 : 0;
}

std::string without_emphasis(std::string_view text) {
  std::string out(text);
  for (const std::string_view mark : {"**", "__", "`"}) {
    for (std::size_t at = 0; (at = out.find(mark, at)) != std::string::npos;)
      out.erase(at, mark.size());
  }
  return out;
}

// "Based on the sources, X" -> "X".
std::string_view without_preamble(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kOpenings = {
      "based on", "according to", "from the", "in the provided", "as per", "per the"};
  static constexpr std::array<std::string_view, 7> kNouns = {
      "context", "source", "document", "schedule", "information", "provided", "text"};
  const std::size_t comma = text.find(", ");
  if (comma == std::string_view::npos || comma > 90) return text;
  const std::string head = to_lower_ascii(text.substr(0, comma));
  const bool opens = std::ranges::any_of(
      kOpenings, [&](std::string_view opening) { return head.starts_with(opening); });
  const bool meta = std::ranges::any_of(
      kNouns, [&](std::string_view noun) { return head.find(noun) != std::string::npos; });
  return opens && meta ? text.substr(comma + 2) : text;
}

// Talk about the answer, and refusals: never shown, never blamed.
bool is_meta(std::string_view text) {
  static constexpr std::array<std::string_view, 26> kMeta = {"here is",
                                                             "here are",
                                                             "here's",
                                                             "sure",
                                                             "of course",
                                                             "certainly",
                                                             "i hope",
                                                             "let me know",
                                                             "as an ai",
                                                             "i am an ai",
                                                             "i'm an ai",
                                                             "i'm sorry",
                                                             "i am sorry",
                                                             "sorry",
                                                             "please note",
                                                             "note that",
                                                             "if you",
                                                             "feel free",
                                                             "the answer is:",
                                                             "the indexed documents do not",
                                                             "the sources do not",
                                                             "the provided",
                                                             "i cannot",
                                                             "i can't",
                                                             "i do not",
                                                             "i don't"};
  const std::string lower = to_lower_ascii(trim(text));
  if (lower.empty() || lower.ends_with(':') || lower.starts_with('#')) return true;
  return std::ranges::any_of(kMeta,
                             [&](std::string_view start) { return lower.starts_with(start); });
}

// An order, or an address that no source has, is not shown even with a mark.
bool may_be_marked(std::string_view text) {
  return !is_instruction(text) && text.find("://") == std::string_view::npos;
}

// What a reader has read so far, as terms: the question and every sentence shown.
class Said final {
 public:
  explicit Said(std::string_view question) { add(question); }
  void add(std::string_view text) {
    for (std::string& term : text::analyze(text)) terms_.insert(std::move(term));
  }
  // Small models go round in circles: a sentence of few words said many times, or of none that is
  // new.
  bool adds_nothing(std::string_view sentence) const {
    const std::vector<std::string> terms = text::analyze(sentence);
    const std::unordered_set<std::string> distinct(terms.begin(), terms.end());
    const bool circles = terms.size() >= kCirclesFrom && distinct.size() * 2 < terms.size();
    const bool is_new = std::ranges::any_of(
        distinct, [&](const std::string& term) { return !terms_.contains(term); });
    return circles || !is_new;
  }

 private:
  static constexpr std::size_t kCirclesFrom = 10;
  std::unordered_set<std::string> terms_;
};

class Verifier final : public AnswerVerifier {
 public:
  Verifier(const AnswerPlan& plan, const CorpusIndex& corpus)
      : corpus_(corpus),
        sources_(read_sources(plan, corpus)),
        plan_(plan),
        marks_(plan.grounding == GroundingMode::kAssist),
        said_(plan.standalone_question) {
    for (const RetrievedChunk& source : plan_.sources) documents_.push_back(source.chunk.doc_id);
    for (const SourceView& source : sources_) {
      if (!source.record) continue;
      std::string title = to_lower_ascii(corpus.records()[*source.record].title);
      if (title.find_first_of(".?!") != std::string::npos) titles_.push_back(std::move(title));
    }
    if (corpus.structured()) shown_about_ = meant_ = asked_about(plan);
  }

  std::string feed(std::string_view delta) override {
    if (finished_) return {};
    pending_ += delta;
    return after_lead(drain(Rest::kHold));
  }

  std::string finish() override {
    if (finished_) return {};
    std::string out = after_lead(drain(Rest::kTake));
    finished_ = true;
    if (shown_ || !plan_.lead.empty()) return out;
    fell_back_ = true;
    citations_ = plan_.citations;
    for (SentenceReport& one : report_composed(plan_, corpus_)) report_.push_back(std::move(one));
    return out + plan_.answer;
  }

  const std::vector<SentenceReport>& report() const override { return report_; }
  const std::vector<Citation>& citations() const override { return citations_; }
  bool fell_back() const override { return fell_back_; }

 private:
  enum class Rest { kHold, kTake };

  // What the reply begins with comes at once, before the model's first sentence is whole.
  std::string after_lead(std::string out) {
    if (plan_.lead.empty() || lead_shown_) return out;
    lead_shown_ = true;
    citations_.insert(citations_.begin(), plan_.citations.begin(), plan_.citations.end());
    return plan_.lead + out;
  }

  // Between two sentences; between the lead and the first.
  std::string gap(bool line) const {
    if (shown_) return line ? "\n" : " ";
    return plan_.lead.empty() ? "" : "\n\n";
  }

  // What the question is about, if that is one document.
  Antecedent asked_about(const AnswerPlan& plan) const {
    Antecedent about{.any = false, .sources = {}};
    if (plan.citations.size() == 1 || documents_.size() == 1) {
      const std::string& id = plan.citations.empty() ? documents_[0] : plan.citations[0].doc_id;
      for (std::size_t i = 0; i < documents_.size(); ++i) {
        if (documents_[i] == id) about.sources.push_back(i + 1);
      }
    }
    return about;
  }

  // What "it" is both for the model and for a reader, who has not seen the dropped sentences.
  Antecedent antecedent() const {
    if (shown_about_.any) return meant_;
    if (meant_.any) return shown_about_;
    Antecedent both = shown_about_;
    std::erase_if(both.sources, [this](std::size_t number) {
      return std::ranges::find(meant_.sources, number) == meant_.sources.end();
    });
    return both;
  }

  // Whole sentences in `pending_`; the last is held back, for it may go on.
  std::string drain(Rest rest) {
    std::string out;
    const std::size_t safe =
        rest == Rest::kTake || pending_.size() > kPendingBytesMax ? pending_.size() : safe_end();
    const std::string_view ready = std::string_view(pending_).substr(0, safe);
    const auto spans = split_around_titles(ready, titles_);
    const bool hold_last = rest == Rest::kHold && pending_.size() <= kPendingBytesMax;
    std::size_t consumed = 0;
    for (std::size_t i = 0; i < spans.size(); ++i) {
      const bool line_ends = ready.substr(spans[i].end).find('\n') != std::string_view::npos;
      if (hold_last && i + 1 == spans.size() && !line_ends) break;
      const std::string_view gap = ready.substr(consumed, spans[i].begin - consumed);
      line_break_ = line_break_ || gap.find('\n') != std::string_view::npos;
      out += show(spans[i].of(ready));
      consumed = spans[i].end;
    }
    pending_.erase(0, consumed);
    return out;
  }

  // A UTF-8 sequence cut by the stream stays for the next part.
  std::size_t safe_end() const {
    std::size_t end = pending_.size();
    for (std::size_t back = 1; back <= 3 && back <= pending_.size(); ++back) {
      const auto byte = static_cast<unsigned char>(pending_[pending_.size() - back]);
      if ((byte & 0xC0U) == 0x80U) continue;
      const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
      if (length > back) end = pending_.size() - back;
      break;
    }
    return end;
  }

  std::string show(std::string_view raw) {
    const std::string cleaned = without_citations(without_emphasis(raw));
    std::string_view text = trim(cleaned);
    const std::size_t marker = marker_length(text);
    const std::string_view prefix = text.substr(0, marker);
    text = trim(text.substr(marker));
    text = without_preamble(text);
    if (text.empty() || is_meta(text) || report_.size() >= kSentencesMax) return {};
    if (!seen_.insert(to_lower_ascii(text)).second) return {};  // Small models repeat themselves.
    SentenceReport report{.sentence = std::string(text),
                          .verdict = Verdict::kUnsupported,
                          .citations = {},
                          .reason = {},
                          .shown = false};
    const bool old = said_.adds_nothing(text);
    if (old) {
      report.reason = "it says nothing new";
    } else {
      judge(report);
    }
    const bool marked = marks_ && !old && may_be_marked(text);
    std::string out;
    if (report.verdict != Verdict::kUnsupported || marked) {
      said_.add(report.sentence);
      out = gap(line_break_ || marker > 0) + std::string(prefix) +
            inert(capitalised(report.sentence)) + marks_of(report);
      report.shown = shown_ = true;
      line_break_ = false;
    }
    report_.push_back(std::move(report));
    return out;
  }

  // Whole, or without the one thing that no source says.
  void judge(SentenceReport& report) {
    const Antecedent about = antecedent();
    Judgement judgement = judge_sentence(report.sentence, sources_, corpus_, about);
    report.reason = std::move(judgement.reason);
    if (judgement.supported) {
      report.verdict = Verdict::kSupported;
    } else if (!marks_) {
      for (Cut& cut : possible_cuts(read_sentence(report.sentence, corpus_), corpus_)) {
        if (said_.adds_nothing(cut.kept)) continue;
        Judgement rest = judge_sentence(cut.kept, sources_, corpus_, about);
        if (!rest.supported) continue;
        judgement = std::move(rest);
        report.verdict = Verdict::kPartly;
        report.sentence = std::move(cut.kept);
        report.dropped = std::move(cut.dropped);
        break;
      }
    }
    if (judgement.next) meant_ = *judgement.next;
    if (!judgement.supported) return;
    shown_about_ = meant_;
    report.citations = judgement.sources;
    report.spans = spans_of(report.sentence, judgement.sources);
  }

  // "[1]", or the mark of what nobody vouches for.
  std::string marks_of(const SentenceReport& report) {
    if (report.verdict == Verdict::kUnsupported) return " " + std::string(kUnverifiedMark);
    std::string marks;
    for (const std::size_t number : report.citations) {
      marks += " [" + std::to_string(number) + "]";
      cite(number);
    }
    return marks;
  }

  std::vector<SourceSpan> spans_of(std::string_view text,
                                   const std::vector<std::size_t>& numbers) const {
    std::vector<SourceSpan> all;
    for (const std::size_t number : numbers) {
      if (number == 0 || number > plan_.sources.size()) continue;
      const auto spans = find_spans(text, plan_.sources[number - 1].chunk, corpus_);
      all.insert(all.end(), spans.begin(), spans.end());
    }
    return all;
  }

  static std::string capitalised(std::string_view text) {
    std::string out(text);
    if (!out.empty() && out[0] >= 'a' && out[0] <= 'z' && out.size() > 1 && out[1] >= 'a' &&
        out[1] <= 'z' && out.find(' ') != std::string::npos) {
      // Only after a preamble was cut; names such as "eBPF" and "jeff" keep their letters.
      static constexpr std::array<std::string_view, 7> kHeads = {"the ",  "it ", "he ",  "she ",
                                                                 "they ", "a ",  "this "};
      if (std::ranges::any_of(kHeads,
                              [&](std::string_view head) { return out.starts_with(head); })) {
        out[0] = static_cast<char>(out[0] - 'a' + 'A');
      }
    }
    return out;
  }

  void cite(std::size_t number) {
    const bool known =
        std::ranges::any_of(citations_, [&](const Citation& c) { return c.number == number; });
    if (known || number == 0 || number > documents_.size()) return;
    Citation citation{.number = number, .doc_id = documents_[number - 1], .title = {}, .url = {}};
    if (const auto id = corpus_.find_document(citation.doc_id)) {
      citation.title = corpus_.records()[*id].title;
      citation.url = corpus_.records()[*id].url;
    }
    citations_.push_back(std::move(citation));
  }

  const CorpusIndex& corpus_;
  const std::vector<SourceView> sources_;
  const AnswerPlan plan_;
  const bool marks_;
  bool lead_shown_ = false;
  Said said_;
  std::vector<std::string> documents_;
  std::vector<std::string> titles_;  // That a full stop, a question mark or the like is part of.
  Antecedent meant_;                 // What the model's last sentence was about.
  Antecedent shown_about_;           // The last one shown.
  std::string pending_;
  std::unordered_set<std::string> seen_;
  std::vector<SentenceReport> report_;
  std::vector<Citation> citations_;
  bool shown_ = false;
  bool line_break_ = false;
  bool finished_ = false;
  bool fell_back_ = false;
};

}  // namespace

std::unique_ptr<AnswerVerifier> AnswerVerifier::create(const AnswerPlan& plan,
                                                       const Corpus& corpus) {
  static const CorpusIndex empty{std::vector<Chunk>{}};
  const auto* index = dynamic_cast<const CorpusIndex*>(&corpus);
  return std::make_unique<Verifier>(plan, index != nullptr ? *index : empty);
}

}  // namespace rage::rag
