#include "assistant/rag_client.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/strings.h"
#include "codec/json.h"
#include "codec/uri.h"

namespace rage::assistant {
namespace {

using codec::Json;

constexpr std::size_t kPage = 100;  // As many as the service gives at once.
constexpr std::chrono::milliseconds kConnectLimit{5000};
constexpr std::chrono::milliseconds kIdleLimit{120'000};
constexpr std::uint64_t kReplyBytesMax = std::uint64_t{64} << 20;

net::HttpResponse unreachable(const Error& error) {
  return net::HttpResponse::json(
      502, codec::render_json({{"detail", "The RAG service cannot be reached"},
                               {"error_code", name_of(error.code)}}));
}

}  // namespace

std::string rag_root_of(std::string_view base_url) {
  base_url = trim(base_url);
  for (const std::string_view suffix : {"/", "/chat/completions", "/", "/v1", "/"}) {
    while (base_url.ends_with(suffix)) base_url.remove_suffix(suffix.size());
  }
  return std::string(base_url);
}

Result<net::HttpResponse> RagClient::fetch(const Context& context,
                                           const net::HttpRequest& request) const {
  net::ClientRequest asked{
      .method = request.method,
      .url = root_ + request.path + (request.query.empty() ? "" : "?" + request.query),
      .headers = {{"accept", "application/json"}},
      .body = request.body,
      .connect_timeout = kConnectLimit,
      .idle_timeout = kIdleLimit,
      .body_bytes_max = kReplyBytesMax};
  if (!request.body.empty()) asked.headers.set("content-type", "application/json");
  if (!api_key_.empty()) asked.headers.set("authorization", "Bearer " + api_key_);
  return transport_.fetch(context, asked);
}

net::HttpResponse RagClient::forward(const Context& context,
                                     const net::HttpRequest& request) const {
  const auto reply = fetch(context, request);
  if (!reply) return unreachable(reply.error());
  net::HttpResponse passed{.status = reply->status, .headers = {}, .body = reply->body};
  passed.headers.set("content-type", reply->headers.find("content-type"));
  return passed;
}

Result<Timetable> RagClient::load(const Context& context, const std::string& index) const {
  auto found = std::make_shared<std::vector<ConferenceSession>>();
  std::set<std::string> known;  // A long document is several rows.
  for (std::size_t offset = 0; offset < kRowsMax; offset += kPage) {
    const net::HttpRequest page{
        .method = "GET",
        .path = fmt::format("/indexes/{}/documents", codec::percent_encode(index)),
        .query = fmt::format("limit={}&offset={}&max_text_length=1", kPage, offset),
        .headers = {},
        .body = {}};
    ASSIGN_OR_RETURN(const auto reply, fetch(context, page));
    if (reply.status == 404) return fail(ErrorCode::kNotFound, "there is no index {}", index);
    if (reply.status != 200) {
      return fail(ErrorCode::kUnavailable, "the RAG service answered {}", reply.status);
    }
    const auto body = codec::parse_json(reply.body);
    const Json* rows = body ? codec::find_key(*body, "documents") : nullptr;
    if (rows == nullptr || !rows->is_array()) {
      return fail(ErrorCode::kDataLoss, "the RAG service sent no list of documents");
    }
    for (const Json& row : *rows) {
      auto session = session_of(row);
      if (session && known.insert(session->doc_id).second) found->push_back(*std::move(session));
    }
    if (rows->size() < kPage) break;
  }
  return Timetable(std::move(found));
}

Result<Timetable> RagClient::sessions(const Context& context, const std::string& index) {
  const auto fresh = kept_.with([&](const Kept& kept) {
    const bool valid = kept.index == index && clock_.now() - kept.from < kFresh;
    return valid ? kept.timetable : nullptr;
  });
  if (fresh) return fresh;
  const SteadyTime asked = clock_.now();
  ASSIGN_OR_RETURN(auto timetable, load(context, index));
  kept_.with([&](Kept& kept) { kept = {.index = index, .from = asked, .timetable = timetable}; });
  return timetable;
}

}  // namespace rage::assistant
