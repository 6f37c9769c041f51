// Questions and replies as anybody may have written them: nothing may end the process, and a page
// holds no markup of theirs.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "cli/eval_grade.h"
#include "cli/eval_html.h"
#include "cli/eval_report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rage;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  cli::EvalReply reply{.answer = std::string(bytes)};
  if (const auto completion = codec::parse_json(bytes)) reply = cli::read_eval_reply(*completion);
  std::vector<cli::EvalRow> rows;
  if (auto questions = cli::parse_eval_questions(bytes)) {
    for (cli::EvalQuestion& question : *questions) {
      const cli::Grade grade = cli::grade_reply(question, reply);
      CHECK(!(grade.right && grade.wrong_fact));
      rows.push_back({.question = std::move(question), .reply = reply, .grade = grade});
    }
  }
  const cli::EvalReport report = cli::summarize(rows);
  CHECK(report.right.part + report.wrong_facts.part <= rows.size());
  CHECK(cli::render_eval_page(report, rows, {}).find("<script") == std::string::npos);
  return 0;
}
