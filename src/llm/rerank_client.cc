#include "llm/rerank_client.h"

#include <algorithm>
#include <cmath>

#include "codec/json.h"
#include "llm/upstream_error.h"

namespace rage::llm {
namespace {

using codec::Json;

std::unexpected<Error> unreadable(std::string_view why) {
  return fail(ErrorCode::kDataLoss, "the reranker's reply cannot be used: {}", why);
}

}  // namespace

Result<std::vector<RankedDocument>> parse_rerank_reply(std::string_view text,
                                                       std::size_t documents) {
  const auto reply = codec::parse_json(text);
  const Json* results = reply ? codec::find_key(*reply, "results") : nullptr;
  if (results == nullptr || !results->is_array()) return unreadable("it has no list \"results\"");
  std::vector<RankedDocument> ranked;
  std::vector<bool> seen(documents, false);
  for (const Json& result : *results) {
    const double index = codec::number_or(result, "index", -1);
    const double score =
        codec::number_or(result, "relevance_score", codec::number_or(result, "score", NAN));
    if (!(index >= 0) || index >= static_cast<double>(documents) || !std::isfinite(score)) {
      return unreadable("a result is of no document, or has no score");
    }
    const auto place = static_cast<std::size_t>(index);
    if (seen[place]) return unreadable("a document comes twice");
    seen[place] = true;
    ranked.push_back({.index = place, .relevance = score});
  }
  std::ranges::sort(ranked, [](const RankedDocument& a, const RankedDocument& b) {
    return a.relevance != b.relevance ? a.relevance > b.relevance : a.index < b.index;
  });
  return ranked;
}

Result<std::vector<RankedDocument>> RerankClient::rerank(const Context& context,
                                                         const RerankRequest& request) const {
  Json body = {{"query", request.query}, {"documents", request.documents}};
  const std::string& model = request.model.empty() ? options_.model : request.model;
  if (!model.empty()) body["model"] = model;
  if (request.hits_max != 0) body["top_n"] = request.hits_max;
  net::ClientRequest post{.method = "POST",
                          .url = options_.url,
                          .headers = {{"content-type", "application/json"}},
                          .body = codec::render_json(body)};
  if (!options_.bearer_token.empty()) {
    post.headers.set("authorization", "Bearer " + options_.bearer_token);
  }
  Context bounded = context;
  bounded.deadline = std::chrono::steady_clock::now() + context.remaining(options_.timeout);
  const auto reply = transport_.fetch(bounded, post);
  if (!reply) return fail(Error(reply.error()).with_context("the reranker"));
  if (reply->status != 200) return fail(upstream_error(*reply).with_context("the reranker"));
  ASSIGN_OR_RETURN(auto ranked, parse_rerank_reply(reply->body, request.documents.size()));
  if (request.hits_max != 0 && ranked.size() > request.hits_max) ranked.resize(request.hits_max);
  return ranked;
}

}  // namespace rage::llm
