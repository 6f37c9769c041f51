// What there is to ask about: how the assistant is set up, its models, the timetable, calendars.
#include <algorithm>
#include <chrono>

#include "assistant/calendar.h"
#include "assistant/detail/service_call.h"
#include "codec/uri.h"
#include "obs/log.h"

namespace rage::assistant {
namespace {

using codec::Json;
using net::HttpResponse;

constexpr std::chrono::milliseconds kModelsLimit{3000};
constexpr std::size_t kCalendarSessionsMax = 1000;

HttpResponse no_timetable(const Error& error) {
  if (error.code == ErrorCode::kNotFound) {
    return detail_response(404, "There is no index with a schedule");
  }
  obs::log().warn("the schedule cannot be read", {{"error", error.message}});
  return json_response(502, {{"detail", "The schedule cannot be read"},
                             {"error_code", name_of(error.code)},
                             {"message", "The schedule cannot be reached right now."}});
}

}  // namespace

HttpResponse AssistantService::show_config() const {
  Json modes = Json::array({"direct"});
  if (!options_.index_name.empty()) modes = Json::array({"sources", "direct", "compare"});
  return json_response(200, {{"modes", std::move(modes)},
                             {"index", options_.index_name},
                             {"timezone", options_.zone_name}});
}

HttpResponse AssistantService::models(const Call& call) {
  const auto found = upstream_.models(call.context, kModelsLimit);
  if (found) return json_response(200, *found);
  return json_response(502, {{"detail", "The models cannot be listed"},
                             {"error_code", name_of(found.error().code)}});
}

HttpResponse AssistantService::schedule(const Call& call) {
  if (options_.rag == nullptr || options_.index_name.empty()) {
    return detail_response(404, "There is no index with a schedule");
  }
  const auto timetable = options_.rag->sessions(call.context, options_.index_name);
  if (!timetable) return no_timetable(timetable.error());
  Json sessions = Json::array();
  for (const ConferenceSession& session : **timetable) {
    sessions.push_back(conference_json(session));
  }
  return json_response(200, {{"timezone", options_.zone_name}, {"sessions", std::move(sessions)}});
}

// Of the documents named by `doc`, or of all.
HttpResponse AssistantService::calendar(const Call& call) {
  if (options_.rag == nullptr || options_.index_name.empty()) {
    return detail_response(404, "There is no index with a schedule");
  }
  std::vector<std::string> wanted;
  for (const auto& [name, value] : codec::parse_query(call.request.query)) {
    if (name == "doc") wanted.push_back(value);
  }
  const auto timetable = options_.rag->sessions(call.context, options_.index_name);
  if (!timetable) return no_timetable(timetable.error());
  std::vector<ConferenceSession> chosen;
  for (const ConferenceSession& session : **timetable) {
    const bool asked_for =
        wanted.empty() || std::ranges::find(wanted, session.doc_id) != wanted.end();
    if (asked_for && session.times && chosen.size() < kCalendarSessionsMax) {
      chosen.push_back(session);
    }
  }
  if (chosen.empty()) return detail_response(404, "No such session has a time");
  HttpResponse file{.status = 200,
                    .headers = {{"content-type", "text/calendar; charset=utf-8"},
                                {"content-disposition", "attachment; filename=\"schedule.ics\""}},
                    .body = render_calendar(chosen, options_.zone, options_.wall_now())};
  return file;
}

}  // namespace rage::assistant
