// Sessions of a conference: out of an index's documents, as a timetable, and as a calendar that
// other programs read (iCalendar, RFC 5545). Pure.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/time_zone.h"
#include "codec/json.h"

namespace rage::assistant {

// Value. Empty where the document does not tell.
struct ConferenceSession {
  struct Times {
    std::chrono::local_seconds start;
    std::chrono::local_seconds end;  // After start.
    bool operator==(const Times&) const = default;
  };
  std::string doc_id;
  std::string title;
  std::vector<std::string> speakers;
  std::string location;
  std::string url;  // http or https.
  std::string topic;
  std::string audience;
  std::string description;
  std::optional<Times> times;  // On the wall clock of the conference.
};

// {"doc_id","text","metadata":{"title","speakers":[{"name"}],"date":"03/05/2026" or "2026-03-05",
// "start":"10:00","end":"11:00",...}}, as `rage ingest schedule` writes it. None: it has no title.
std::optional<ConferenceSession> session_of(const codec::Json& document);

// {"doc_id","title","speakers":[],"location","url","topic","audience","date":"2026-03-05" or null,
// "start":"10:00","end"}; without the description.
codec::Json conference_json(const ConferenceSession& session);

// One VEVENT for each session that has a time, in UTC, so that no reader has to know the zone. The
// same session has the same UID whenever it is exported. `now` becomes DTSTAMP.
std::string render_calendar(std::span<const ConferenceSession> sessions, const TimeZone& zone,
                            WallTime now);

}  // namespace rage::assistant
