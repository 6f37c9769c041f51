// A conference's sessions, in the three forms that the SCALE23X demo's scripts hand from one to the
// other: schedule.json (flat), schedule_index.json (documents of an index), and as values here.
// Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/auto_index_diff.h"
#include "codec/json.h"

namespace rage::cli {

struct Speaker {
  std::string name;
  std::string url;  // May be empty.
  bool operator==(const Speaker&) const = default;
};

// Value. What is not known is empty. Times are wall clock at the place of the conference.
struct Session {
  std::string title;
  std::string url;  // Absolute. It is the session: what keeps its address is the same session.
  std::vector<Speaker> speakers;
  std::string description;  // One paragraph.
  std::string topic;
  std::string audience;
  std::string location;
  std::string date;   // "03/05/2026", month first.
  std::string start;  // "14:30"
  std::string end;
  bool operator==(const Session&) const = default;
};

// "Ada Lovelace, Alan Turing"
std::string speaker_names(const Session& session);

// What is searched: title, speakers, room, day and time in words, track, audience, description.
std::string session_text(const Session& session);
// The keys of schedule_index.json; a session read back from them is the same.
codec::Json session_metadata(const Session& session);
Session session_of_metadata(const codec::Json& metadata);

// schedule.json: 11 strings a session, in the order of the demo's script.
codec::Json flat_schedule(std::span<const Session> sessions);
// schedule_index.json: {"index_name","documents":[{"text","metadata"}]}.
codec::Json index_schedule(std::span<const Session> sessions, const std::string& index);

// The documents of an index, with `owner` in their metadata (kOwnerKey; none if empty). Of several
// sessions with the same text all but the first get their address into it: a document's id is its
// text's digest.
std::vector<SourceDocument> schedule_documents(std::span<const Session> sessions,
                                               const std::string& owner);

}  // namespace rage::cli
