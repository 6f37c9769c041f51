#include "cli/schedule_parse.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "cli/html_text.h"
#include "cli/html_tree.h"
#include "cli/schedule_time.h"
#include "text/unicode.h"

namespace rage::cli {
namespace {

using codec::Json;

constexpr std::size_t kLineMax = 1000;  // Bytes of a title, a room, a name.
constexpr std::size_t kDescriptionMax = 64 << 10;
constexpr std::size_t kSpeakersMax = 100;
constexpr std::size_t kUrlMax = 2000;

// Cut between characters.
std::string bounded(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

// "Ada Lovelace, Alan Turing and Grace Hopper"
void add_names(std::string_view text, std::vector<Speaker>& speakers) {
  for (const std::string_view part : split(text, ',')) {
    std::string_view name = trim(part);
    for (const std::string_view word : {"By ", "by ", "and ", "& "}) {
      if (name.starts_with(word)) name = trim(name.substr(word.size()));
    }
    const std::string_view rest = name;
    const std::size_t both = rest.find(" and ");
    if (both != std::string_view::npos) {
      add_names(rest.substr(0, both), speakers);
      name = trim(rest.substr(both + 5));
    }
    const bool alone = name.empty() || name == "By" || name == "by" || name == "and" || name == "&";
    if (alone || speakers.size() >= kSpeakersMax) continue;
    speakers.push_back({.name = bounded(std::string(name), kLineMax), .url = {}});
  }
}

Session of_flat(const Json& entry, const std::string& base) {
  const auto text = [&](const char* key) {
    return bounded(plain_text(codec::string_or(entry, key, "")), kLineMax);
  };
  Session session{.title = text("title"),
                  .url = resolve_link(base, codec::string_or(entry, "url", "")),
                  .speakers = {},
                  .description = bounded(plain_text(codec::string_or(entry, "description", "")),
                                         kDescriptionMax),
                  .topic = text("topic"),
                  .audience = text("audience"),
                  .location = text("location"),
                  .date = text("date"),
                  .start = text("start"),
                  .end = text("end")};
  if (const Json* speakers = codec::find_key(entry, "speakers"); speakers && speakers->is_array()) {
    for (const Json& speaker : *speakers) {
      Speaker one{.name = bounded(plain_text(codec::string_or(speaker, "name", "")), kLineMax),
                  .url = codec::string_or(speaker, "url", "")};
      if (!one.name.empty() && session.speakers.size() < kSpeakersMax) {
        session.speakers.push_back(std::move(one));
      }
    }
    return session;
  }
  add_names(text("speaker"), session.speakers);
  if (!session.speakers.empty()) session.speakers.front().url = text("speaker_url");
  return session;
}

Session of_feed(const Json& entry, const std::string& base) {
  const auto text = [&](const char* key, std::size_t most) {
    return bounded(plain_html(codec::string_or(entry, key, "")), most);
  };
  Session session{.title = text("Name", kLineMax),
                  .url = resolve_link(base, codec::string_or(entry, "Link", "")),
                  .speakers = {},
                  .description = text("Description", kDescriptionMax),
                  .topic = text("Topic", kLineMax),
                  .audience = text("Audience", kLineMax),
                  .location = text("Location", kLineMax),
                  .date = {},
                  .start = {},
                  .end = {}};
  add_names(text("Speakers", kLineMax * 4), session.speakers);
  const auto start = parse_instant(codec::string_or(entry, "StartTime", ""));
  if (!start) return session;
  const WallClock wall = los_angeles_of(*start);
  session.date = wall.date;
  session.start = wall.time;
  if (const auto end = parse_instant(codec::string_or(entry, "EndTime", ""));
      end && *end > *start) {
    session.end = los_angeles_of(*end).time;
  }
  return session;
}

// Gives back what stands in a field, or makes it empty and says so.
void check_time(Session& session, std::vector<std::string>& warnings) {
  const auto warn = [&](std::string_view what) {
    warnings.push_back(fmt::format("{}: {}", session.url, what));
  };
  if (!session.date.empty()) {
    const auto date = parse_date(session.date);
    if (!date) warn(fmt::format("\"{}\" is no date", session.date));
    session.date = date.value_or("");
  }
  for (std::string* time : {&session.start, &session.end}) {
    if (time->empty()) continue;
    const auto parsed = parse_time(*time);
    if (!parsed) warn(fmt::format("\"{}\" is no time", *time));
    *time = parsed.value_or("");
  }
  if (session.start.empty()) session.end.clear();
  if (session.date.empty() || session.start.empty()) return;
  if (!instant_of({.date = session.date, .time = session.start})) {
    warn(fmt::format("there is no {} on {}: clocks go forward that night", session.start,
                     session.date));
  }
}

}  // namespace

std::string plain_text(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = at;
    const char32_t c = text::next_code_point(text, at);
    if (text::is_white_space(c) || c < 0x20) {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else if (c == 0x2019) {
      out += '\'';
    } else if (c == 0x2011) {
      out += '-';
    } else if (c == text::kReplacement) {
      text::append_utf8(out, c);
    } else {
      out += text.substr(begin, at - begin);
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string plain_html(std::string_view html) {
  return plain_text(read_html(html).text);
}

ParsedSchedule checked(std::vector<Session> sessions) {
  ParsedSchedule result;
  std::set<std::string> seen;
  for (Session& session : sessions) {
    if (session.title.empty() || session.url.empty() || session.url.size() > kUrlMax) {
      result.warnings.push_back(fmt::format("\"{}\" is left out: it has no {}", session.title,
                                            session.title.empty() ? "title" : "usable address"));
      continue;
    }
    if (!seen.insert(session.url).second) continue;
    check_time(session, result.warnings);
    result.sessions.push_back(std::move(session));
  }
  return result;
}

Result<ParsedSchedule> parse_schedule_json(std::string_view bytes, const std::string& base) {
  ASSIGN_OR_RETURN(const Json json, codec::parse_json(bytes));
  const Json* list = &json;
  const Json* documents = codec::find_key(json, "documents");
  if (documents != nullptr) list = documents;
  if (!list->is_array()) {
    return fail(ErrorCode::kInvalidArgument, "the schedule is no list of sessions");
  }
  if (list->size() > kSessionsMax) {
    return fail(ErrorCode::kInvalidArgument, "the schedule has more than {} sessions",
                kSessionsMax);
  }
  std::vector<Session> sessions;
  std::size_t unknown = 0;
  for (const Json& entry : *list) {
    const Json* metadata = documents == nullptr ? &entry : codec::find_key(entry, "metadata");
    if (metadata == nullptr || !metadata->is_object()) {
      ++unknown;
    } else if (metadata->contains("Name") && metadata->contains("Link")) {
      sessions.push_back(of_feed(*metadata, base));
    } else if (metadata->contains("title") && metadata->contains("url")) {
      sessions.push_back(of_flat(*metadata, base));
    } else {
      ++unknown;
    }
  }
  if (unknown > 0) {
    return fail(ErrorCode::kInvalidArgument,
                "{} of {} entries are no sessions: neither title and url nor Name and Link",
                unknown, list->size());
  }
  return checked(std::move(sessions));
}

}  // namespace rage::cli
