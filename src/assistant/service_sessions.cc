// Conversations that were: history, list, name, removal, export.
#include "assistant/detail/service_call.h"
#include "assistant/export.h"
#include "base/strings.h"
#include "codec/uri.h"
#include "obs/log.h"

namespace rage::assistant {
namespace {

using codec::Json;
using net::HttpResponse;

constexpr std::size_t kHistoryMax = 10'000;
constexpr std::size_t kSessionsDefault = 100;
constexpr std::size_t kSessionsMax = 1000;
constexpr std::chrono::seconds kLimit{10};

Context limited() {
  return Context::with_timeout(kLimit);
}

HttpResponse failure(const Error& error, std::string_view doing) {
  if (error.code == ErrorCode::kNotFound) return detail_response(404, "Session not found");
  obs::log().warn("the history cannot be reached", {{"error", error.message}});
  return json_response(
      500, {{"detail", fmt::format("Failed to {}", doing)}, {"error_code", name_of(error.code)}});
}

// For a name of a file: what is no letter or digit becomes a dash.
std::string file_name(const std::string& session) {
  std::string name;
  for (const char c : session.substr(0, 64)) {
    name += is_ascii_alpha(c) || is_ascii_digit(c) ? c : '-';
  }
  return name;
}

}  // namespace

HttpResponse AssistantService::history(const std::string& session) {
  const auto messages = store_.load(limited(), session, kHistoryMax);
  if (!messages) return failure(messages.error(), "retrieve chat history");
  Json list = Json::array();
  for (const Message& message : *messages) list.push_back(history_json(message));
  return json_response(200, {{"messages", std::move(list)}, {"session_id", session}});
}

HttpResponse AssistantService::list_sessions(const Call& call) {
  const auto query = codec::parse_query(call.request.query);
  const auto limit = codec::find_parameter(query, "limit");
  const auto wanted = limit ? parse_uint(*limit) : kSessionsDefault;
  if (!wanted || *wanted == 0 || *wanted > kSessionsMax) {
    return detail_response(400, fmt::format("limit must be between 1 and {}", kSessionsMax));
  }
  const auto found = store_.list(limited(), static_cast<std::size_t>(*wanted));
  if (!found) return failure(found.error(), "list sessions");
  Json list = Json::array();
  for (const SessionInfo& session : found->sessions) list.push_back(session_json(session));
  return json_response(200, {{"sessions", std::move(list)}, {"truncated", found->truncated}});
}

HttpResponse AssistantService::show_session(const std::string& session) {
  const auto info = store_.find(limited(), session);
  if (!info) return failure(info.error(), "retrieve the session");
  const auto messages = store_.load(limited(), session, kHistoryMax);
  if (!messages) return failure(messages.error(), "retrieve the session");
  return json_response(200, export_json(*info, *messages));
}

HttpResponse AssistantService::rename_session(const Call& call, const std::string& session) {
  const auto title = parse_rename(call.request);
  if (!title) return json_response(422, title.error());
  if (const auto renamed = store_.rename(limited(), session, *title); !renamed) {
    return failure(renamed.error(), "rename the session");
  }
  const auto info = store_.find(limited(), session);
  if (!info) return failure(info.error(), "retrieve the session");
  return json_response(200, session_json(*info));
}

HttpResponse AssistantService::delete_session(const std::string& session) {
  const auto removed = store_.remove(limited(), session);
  if (!removed) return failure(removed.error(), "delete the session");
  return {.status = 204, .headers = {}, .body = {}};
}

HttpResponse AssistantService::export_session(const Call& call, const std::string& session) {
  const auto query = codec::parse_query(call.request.query);
  const std::string format = codec::find_parameter(query, "format").value_or("json");
  if (format != "json" && format != "markdown") {
    return detail_response(400, "format must be json or markdown");
  }
  const auto info = store_.find(limited(), session);
  if (!info) return failure(info.error(), "export the session");
  const auto messages = store_.load(limited(), session, kHistoryMax);
  if (!messages) return failure(messages.error(), "export the session");
  const bool markdown = format == "markdown";
  HttpResponse response = json_response(200, export_json(*info, *messages));
  if (markdown) {
    response.body = export_markdown(*info, *messages);
    response.headers.set("content-type", "text/markdown; charset=utf-8");
  }
  response.headers.set(
      "content-disposition",
      fmt::format("attachment; filename=\"{}.{}\"", file_name(session), markdown ? "md" : "json"));
  return response;
}

}  // namespace rage::assistant
