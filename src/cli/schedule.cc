#include "cli/schedule.h"

#include <fmt/format.h>

#include <array>
#include <set>

#include "base/sha256.h"
#include "base/strings.h"
#include "cli/schedule_time.h"

namespace rage::cli {
namespace {

using codec::Json;

// "Room 106, Thursday, March 5, 2026, from 10:45 to 11:30"
std::string when_and_where(const Session& session) {
  const std::string day = session.date.empty() ? std::string() : day_in_words(session.date);
  if (session.location.empty() && day.empty()) return "Room and time have not been announced";
  std::string text = session.location;
  if (!day.empty()) text += (text.empty() ? "" : ", ") + day;
  if (!session.start.empty()) text += ", from " + session.start;
  if (!session.end.empty()) text += " to " + session.end;
  if (session.start.empty()) text += ". The time has not been announced";
  if (session.location.empty()) text += ". The room has not been announced";
  return text;
}

}  // namespace

std::string speaker_names(const Session& session) {
  std::string names;
  for (const Speaker& speaker : session.speakers) {
    names += (names.empty() ? "" : ", ") + speaker.name;
  }
  return names;
}

std::string session_text(const Session& session) {
  std::string text = session.title + ".";
  if (!session.speakers.empty()) text += fmt::format(" Presented by {}.", speaker_names(session));
  text += fmt::format(" {}.", when_and_where(session));
  if (!session.topic.empty()) text += fmt::format(" Track: {}.", session.topic);
  if (!session.audience.empty()) text += fmt::format(" Audience: {}.", session.audience);
  if (!session.description.empty()) text += " " + session.description;
  return text;
}

Json session_metadata(const Session& session) {
  Json speakers = Json::array();
  for (const Speaker& speaker : session.speakers) {
    speakers.push_back({{"name", speaker.name}, {"url", speaker.url}});
  }
  return {{"title", session.title},       {"description", session.description},
          {"url", session.url},           {"speakers", std::move(speakers)},
          {"topic", session.topic},       {"audience", session.audience},
          {"location", session.location}, {"date", session.date},
          {"start", session.start},       {"end", session.end}};
}

Session session_of_metadata(const Json& metadata) {
  const auto text = [&](const char* key) { return codec::string_or(metadata, key, ""); };
  Session session{.title = text("title"),
                  .url = text("url"),
                  .speakers = {},
                  .description = text("description"),
                  .topic = text("topic"),
                  .audience = text("audience"),
                  .location = text("location"),
                  .date = text("date"),
                  .start = text("start"),
                  .end = text("end")};
  const Json* speakers = codec::find_key(metadata, "speakers");
  if (speakers == nullptr || !speakers->is_array()) return session;
  for (const Json& speaker : *speakers) {
    session.speakers.push_back({.name = codec::string_or(speaker, "name", ""),
                                .url = codec::string_or(speaker, "url", "")});
  }
  return session;
}

Json flat_schedule(std::span<const Session> sessions) {
  Json list = Json::array();
  for (const Session& session : sessions) {
    const std::string link = session.speakers.empty() ? "" : session.speakers.front().url;
    list.push_back({{"title", session.title},
                    {"url", session.url},
                    {"speaker", speaker_names(session)},
                    {"speaker_url", link},
                    {"description", session.description},
                    {"topic", session.topic},
                    {"audience", session.audience},
                    {"location", session.location},
                    {"date", session.date},
                    {"start", session.start},
                    {"end", session.end}});
  }
  return list;
}

Json index_schedule(std::span<const Session> sessions, const std::string& index) {
  Json documents = Json::array();
  for (SourceDocument& document : schedule_documents(sessions, "")) {
    documents.push_back(
        {{"text", std::move(document.text)}, {"metadata", std::move(document.metadata)}});
  }
  return {{"index_name", index}, {"documents", std::move(documents)}};
}

std::vector<SourceDocument> schedule_documents(std::span<const Session> sessions,
                                               const std::string& owner) {
  std::vector<SourceDocument> documents;
  std::set<std::string> ids;
  for (const Session& session : sessions) {
    SourceDocument document{
        .place = session.url, .text = session_text(session), .metadata = session_metadata(session)};
    if (!owner.empty()) document.metadata[kOwnerKey] = owner;
    if (!ids.insert(sha256_hex(document.text)).second) document.text += " " + session.url;
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace rage::cli
