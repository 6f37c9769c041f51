#include "cli/eval_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rage::cli {
namespace {

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>rage eval</title>
<style>
:root { color-scheme: light dark; --line: #8886; --bad: #c62828; --good: #2e7d32; --no: #8a6d00; }
@media (prefers-color-scheme: dark) { :root { --bad: #ef9a9a; --good: #a5d6a7; --no: #ffe082; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { border-bottom: 1px solid var(--line); padding: .25rem .8rem .25rem 0; text-align: left;
  vertical-align: top; }
details { border-bottom: 1px solid var(--line); padding: .4rem 0; }
summary { cursor: pointer; }
blockquote { margin: .5rem 0; padding-left: 1rem; border-left: 3px solid var(--line);
  white-space: pre-wrap; overflow-wrap: anywhere; }
.right { color: var(--good); } .wrong { color: var(--bad); } .declined { color: var(--no); }
.why { font-weight: 600; } svg { max-width: 100%; } small { opacity: .75; }
</style>
</head>
<body>
)";

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string share_row(std::string_view name, const Share& share) {
  const auto value = share.value();
  return fmt::format("<tr><th>{}</th><td>{}</td><td>{} of {}</td></tr>\n", escape(name),
                     value ? fmt::format("{:.1f} %", *value * 100) : "–", share.part, share.whole);
}

std::string link(const std::string& title, const std::string& url) {
  const std::string name = escape(title.empty() ? url : title);
  if (!url.starts_with("http://") && !url.starts_with("https://")) return name;
  return fmt::format("<a href=\"{}\" rel=\"noreferrer noopener\">{}</a>", escape(url), name);
}

std::string_view class_of(const Grade& grade) {
  if (grade.right) return "right";
  return grade.wrong_fact ? "wrong" : "declined";
}

std::string_view word_of(const EvalRow& row) {
  if (!row.reply.error.empty()) return "refused request";
  if (row.grade.right) return row.question.answerable ? "right" : "rightly declined";
  if (row.grade.wrong_fact) return "wrong fact shown";
  return row.grade.declined ? "declined" : "not right";
}

std::string expected_of(const EvalQuestion& question) {
  std::string text = question.answerable ? "" : "the documents do not tell; ";
  for (const std::string& term : question.must_include) text += "“" + term + "”, ";
  for (const auto& group : question.any_of) {
    for (std::size_t i = 0; i < group.size(); ++i) text += (i > 0 ? " or “" : "“") + group[i] + "”";
    text += ", ";
  }
  if (text.size() >= 2) text.resize(text.size() - 2);
  return text;
}

std::string sources_of(const EvalReply& reply) {
  if (reply.sources.empty()) return "<p>No sources.</p>\n";
  std::string text = "<table><tr><th>cited as</th><th>source</th><th>score</th></tr>\n";
  for (const EvalSource& source : reply.sources) {
    text += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                        source.number > 0 ? fmt::format("[{}]", source.number) : "–",
                        link(source.title, source.url),
                        source.score ? fmt::format("{:.3f}", *source.score) : "–");
  }
  return text + "</table>\n";
}

std::string_view verdict_of(const EvalSentence& sentence) {
  if (!sentence.dropped.empty()) return "partly";
  if (sentence.supported) return "supported";
  return sentence.shown ? "marked" : "dropped";
}

std::string number(const std::optional<double>& value) {
  return value ? fmt::format("{:.3f}", *value) : "–";
}

std::string candidates_of(const EvalReply& reply) {
  if (reply.candidates.empty()) return {};
  std::string text =
      "<details><summary>Candidates</summary>\n<table><tr><th>found</th><th>score</th>"
      "<th>meaning</th><th>words</th><th>what became of it</th></tr>\n";
  for (const EvalCandidate& one : reply.candidates) {
    text += fmt::format(
        "<tr><td>{}</td><td>{:.3f}</td><td>{}</td><td>{}</td><td class=\"{}\">{}</td></tr>\n",
        link(one.title, one.url), one.score, number(one.dense), number(one.sparse),
        one.used ? "right" : "declined", escape(one.why));
  }
  return text + "</table></details>\n";
}

std::string prompt_of(const EvalReply& reply) {
  if (reply.prompt.empty()) return {};
  return fmt::format("<details><summary>Prompt</summary>\n<blockquote>{}</blockquote></details>\n",
                     escape(reply.prompt));
}

std::string sentences_of(const EvalReply& reply) {
  if (reply.sentences.empty()) return {};
  std::string text = "<table><tr><th>verdict</th><th>sentence of the model</th><th>why</th></tr>\n";
  for (const EvalSentence& sentence : reply.sentences) {
    text += fmt::format("<tr><td class=\"{}\">{}</td><td>{}</td><td>{}</td></tr>\n",
                        sentence.supported ? "right" : "wrong", verdict_of(sentence),
                        escape(sentence.text), escape(sentence.reason));
  }
  return text + "</table>\n";
}

std::string history_of(const EvalQuestion& question) {
  std::string text;
  for (const codec::Json& turn : question.history) {
    text +=
        fmt::format("<p><small>{}: {}</small></p>\n", escape(codec::string_or(turn, "role", "")),
                    escape(codec::string_or(turn, "content", "")));
  }
  return text;
}

std::string drawer(const EvalRow& row) {
  const EvalReply& reply = row.reply;
  std::string text = fmt::format(
      "<details><summary><span class=\"{}\">{}</span> {} <small>{} · {}</small></summary>\n",
      class_of(row.grade), word_of(row), escape(row.question.question), escape(row.question.id),
      escape(row.question.type));
  text += history_of(row.question);
  if (!row.grade.why.empty())
    text += fmt::format("<p class=\"why\">Why: {}</p>\n", escape(row.grade.why));
  text += fmt::format("<blockquote>{}</blockquote>\n", escape(reply.answer));
  text += fmt::format("<p>Expected: {}</p>\n", escape(expected_of(row.question)));
  std::string facts = fmt::format("{:.1f} ms", reply.latency_ms);
  if (!reply.mode.empty()) facts += " · " + escape(reply.mode);
  if (reply.sufficiency) facts += fmt::format(" · sufficiency {:.3f}", *reply.sufficiency);
  if (!reply.standalone_question.empty() && reply.standalone_question != row.question.question)
    facts += " · searched for: " + escape(reply.standalone_question);
  if (!reply.finding.empty()) facts += " · found: " + escape(reply.finding);
  for (const std::string& constraint : reply.constraints) facts += " · " + escape(constraint);
  if (row.ndcg10) facts += fmt::format(" · nDCG@10 {:.3f}", *row.ndcg10);
  text += fmt::format("<p><small>{}</small></p>\n", facts);
  return text + sources_of(reply) + sentences_of(reply) + candidates_of(reply) + prompt_of(reply) +
         "</details>\n";
}

// Risk over coverage, both 0 to 1.
std::string curve(const std::vector<RiskPoint>& points) {
  if (points.empty()) return {};
  std::string path;
  for (const RiskPoint& point : points) {
    path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", 40 + point.coverage * 300,
                        170 - point.risk * 150);
  }
  return fmt::format(
      "<h2>Risk and coverage</h2>\n<svg viewBox=\"0 0 360 200\" width=\"480\" role=\"img\" "
      "aria-label=\"Share not right over share answered\">\n"
      "<path d=\"M40 20V170H340\" fill=\"none\" stroke=\"currentColor\"/>\n"
      "<polyline points=\"{}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\"/>\n"
      "<text x=\"340\" y=\"190\" text-anchor=\"end\" font-size=\"11\" fill=\"currentColor\">share "
      "answered, most sufficient first</text>\n"
      "<text x=\"4\" y=\"14\" font-size=\"11\" fill=\"currentColor\">share of these not right "
      "(top: "
      "all)</text>\n</svg>\n",
      path);
}

}  // namespace

std::string render_eval_page(const EvalReport& report, const std::vector<EvalRow>& rows,
                             const EvalPageFacts& facts) {
  std::string page(kHead);
  page += fmt::format("<h1>{} questions to the index {}</h1>\n<p><small>{}</small></p>\n<table>\n",
                      rows.size(), escape(facts.index), escape(facts.questions_file));
  page += share_row("right", report.right);
  page += share_row("answerable right", report.answerable_right);
  page += share_row("wrong facts shown", report.wrong_facts);
  page += share_row("answerable declined", report.answerable_declined);
  page += share_row("refusal precision", report.refusal_precision);
  page += share_row("refusal recall", report.refusal_recall);
  page += share_row("citation precision", report.citation_precision);
  page += share_row("citation recall", report.citation_recall);
  if (report.ndcg10)
    page += fmt::format("<tr><th>nDCG@10</th><td>{:.4f}</td><td></td></tr>\n", *report.ndcg10);
  page += fmt::format("<tr><th>latency</th><td>{:.1f} ms</td><td>90 % within {:.1f} ms</td></tr>\n",
                      report.latency_p50_ms, report.latency_p90_ms);
  page += "</table>\n<h2>By type</h2>\n<table>\n";
  for (const auto& [type, share] : report.by_type) page += share_row(type, share);
  page += "</table>\n" + curve(report.risk_coverage) + "<h2>Questions</h2>\n";
  std::vector<const EvalRow*> order;
  for (const EvalRow& row : rows) order.push_back(&row);
  const auto rank = [](const EvalRow* row) {
    return std::pair(row->grade.wrong_fact ? 0 : row->grade.right ? 2 : 1, row);
  };
  std::ranges::sort(order, {}, rank);  // Equal ones as they were asked.
  for (const EvalRow* row : order) page += drawer(*row);
  return page + "</body>\n</html>\n";
}

}  // namespace rage::cli
