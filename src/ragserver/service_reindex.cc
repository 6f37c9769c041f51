// POST /indexes/NAME/reindex: embeds an index anew while it serves.
#include <optional>

#include "codec/uri.h"
#include "ragserver/responses.h"
#include "ragserver/service.h"
#include "ragserver/validation.h"

namespace rage::ragserver {
namespace {

using codec::Json;

Json render_outcome(const Result<rag::ReindexOutcome>& outcome) {
  if (!outcome) return {{"status", "failed"}, {"error", outcome.error().message}};
  return {{"status", outcome->done ? "done" : "unchanged"},
          {"documents", outcome->documents},
          {"from", outcome->from},
          {"to", outcome->to}};
}

}  // namespace

// A line of JSON now and then, and one at the end: a large index takes longer than anybody waits
// for a reply. Whoever asked ends it by leaving; the next request goes on from there.
int RagService::reindex(const Call& call, const std::string& name, net::ResponseWriter& writer) {
  ValidationErrors errors;
  const auto query = codec::parse_query(call.request.query);
  const auto if_needed = read_query_bool(query, "if_needed", false, errors);
  if (!errors.empty()) {
    net::HttpResponse refused = errors.response();
    const int status = refused.status;
    (void)writer.send(std::move(refused));
    return status;
  }
  bool begun = false;
  const auto write_line = [&](const Json& line) {
    if (!begun) {
      begun = true;
      if (!writer.begin(200, {{"content-type", "application/x-ndjson"}})) return false;
    }
    return writer.write(codec::render_json(line) + "\n").has_value();
  };
  // As long as it takes, but no longer than somebody listens.
  const Context patient{.stop = call.context.stop, .request_id = call.context.request_id};
  const auto outcome =
      collections_.reindex(patient, name, *if_needed, [&](const rag::ReindexProgress& progress) {
        return write_line(
            {{"status", "running"}, {"done", progress.done}, {"total", progress.total}});
      });
  if (!outcome && !begun) {
    net::HttpResponse refused = render_error(outcome.error());
    const int status = refused.status;
    (void)writer.send(std::move(refused));
    return status;
  }
  (void)write_line(render_outcome(outcome));
  return outcome ? 200 : http_status_of(outcome.error().code);
}

}  // namespace rage::ragserver
