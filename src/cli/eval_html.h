// A report of `rage eval` as one page that needs nothing else: no script, no font, no image. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/eval_report.h"

namespace rage::cli {

struct EvalPageFacts {
  std::string index;
  std::string questions_file;
};

// Questions that are not right come first; each opens to its answer, sources and verdicts. Whatever
// a document or a reply says is text here: it is escaped, and only http(s) addresses become links.
std::string render_eval_page(const EvalReport& report, const std::vector<EvalRow>& rows,
                             const EvalPageFacts& facts);

}  // namespace rage::cli
