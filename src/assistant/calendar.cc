#include "assistant/calendar.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/sha256.h"
#include "base/strings.h"
#include "text/unicode.h"

namespace rage::assistant {
namespace {

using codec::Json;
using std::chrono::local_days;
using std::chrono::minutes;

constexpr std::size_t kLineBytesMax = 75;  // RFC 5545, 3.1: longer lines are folded.
constexpr std::size_t kDescriptionCodePoints = 2000;
// Whole years of a WallTime, which counts nanoseconds.
constexpr std::chrono::year kYearMin(1678);
constexpr std::chrono::year kYearMax(2261);

std::optional<unsigned> number(std::string_view digits) {
  const auto value = parse_uint(digits);
  if (!value || *value > 9999) return std::nullopt;
  return static_cast<unsigned>(*value);
}

// "03/05/2026" or "2026-03-05".
std::optional<local_days> day_of(std::string_view text) {
  const bool american = text.find('/') != std::string_view::npos;
  const auto parts = split(text, american ? '/' : '-');
  if (parts.size() != 3) return std::nullopt;
  const auto year = number(parts[american ? 2 : 0]);
  const auto month = number(parts[american ? 0 : 1]);
  const auto day = number(parts[american ? 1 : 2]);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok() || date.year() < kYearMin || date.year() > kYearMax) return std::nullopt;
  return local_days(date);
}

// "10:05", up to "24:00".
std::optional<minutes> time_of(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() != 2) return std::nullopt;
  const auto hour = number(parts[0]);
  const auto minute = number(parts[1]);
  if (!hour || !minute || *minute > 59 || *hour * 60 + *minute > 24 * 60) return std::nullopt;
  return minutes(*hour * 60 + *minute);
}

std::optional<ConferenceSession::Times> times_of(const Json& metadata) {
  const auto day = day_of(codec::string_or(metadata, "date", ""));
  const auto start = time_of(codec::string_or(metadata, "start", ""));
  auto end = time_of(codec::string_or(metadata, "end", ""));
  if (!day || !start || !end) return std::nullopt;
  if (*end <= *start) *end += std::chrono::hours(24);  // Past midnight.
  return ConferenceSession::Times{.start = *day + *start, .end = *day + *end};
}

std::vector<std::string> speakers_of(const Json& metadata) {
  std::vector<std::string> names;
  const Json* list = codec::find_key(metadata, "speakers");
  if (list == nullptr || !list->is_array()) return names;
  for (const Json& speaker : *list) {
    std::string name =
        speaker.is_string() ? speaker.get<std::string>() : codec::string_or(speaker, "name", "");
    if (!name.empty()) names.push_back(std::move(name));
  }
  return names;
}

bool is_web_address(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://");
}

// What RFC 5545, 3.3.11, asks of a text: separators escaped, a line break as \n, no other controls.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text::to_valid_utf8(text)) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\' || c == ';' || c == ',') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      out += c;
    }
  }
  return out;
}

bool continues_a_code_point(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Ends in CRLF; cut into pieces of at most 75 bytes, never inside a character.
void add_line(std::string& out, std::string_view line) {
  std::size_t room = kLineBytesMax;
  while (line.size() > room) {
    std::size_t cut = room;
    while (cut > 0 && continues_a_code_point(line[cut])) --cut;
    out.append(line.substr(0, cut)).append("\r\n ");
    line.remove_prefix(cut);
    room = kLineBytesMax - 1;  // The space counts.
  }
  out.append(line).append("\r\n");
}

std::string utc(WallTime time) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

// An address that is no URI would break the whole file for strict readers.
bool is_plain_uri(std::string_view url) {
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '<' || c == '>') return false;
  }
  return is_web_address(url);
}

void add_event(std::string& out, const ConferenceSession& session, const TimeZone& zone,
               WallTime now) {
  const std::string& identity = session.url.empty() ? session.doc_id : session.url;
  add_line(out, "BEGIN:VEVENT");
  add_line(out, fmt::format("UID:{}@rage", sha256_hex(identity).substr(0, 32)));
  add_line(out, "DTSTAMP:" + utc(now));
  add_line(out, "DTSTART:" + utc(zone.instant_of(session.times->start)));
  add_line(out, "DTEND:" + utc(zone.instant_of(session.times->end)));
  add_line(out, "SUMMARY:" + escaped(session.title));
  if (!session.location.empty()) add_line(out, "LOCATION:" + escaped(session.location));
  std::string about = join(session.speakers, ", ");
  if (!about.empty() && !session.description.empty()) about += "\n\n";
  about += text::take_code_points(session.description, kDescriptionCodePoints);
  if (!about.empty()) add_line(out, "DESCRIPTION:" + escaped(about));
  if (is_plain_uri(session.url)) add_line(out, "URL:" + session.url);
  add_line(out, "END:VEVENT");
}

Json date_or_null(const ConferenceSession& session) {
  if (!session.times) return nullptr;
  const std::chrono::year_month_day day(
      std::chrono::floor<std::chrono::days>(session.times->start));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

Json clock_or_null(const std::optional<ConferenceSession::Times>& times, bool end) {
  if (!times) return nullptr;
  const auto shown = end ? times->end : times->start;
  const auto past = shown - std::chrono::floor<std::chrono::days>(shown);
  return fmt::format("{:02}:{:02}", past / std::chrono::hours(1),
                     past % std::chrono::hours(1) / minutes(1));
}

}  // namespace

std::optional<ConferenceSession> session_of(const Json& document) {
  const Json* metadata = codec::find_key(document, "metadata");
  if (metadata == nullptr) return std::nullopt;
  ConferenceSession session{.doc_id = codec::string_or(document, "doc_id", ""),
                            .title = codec::string_or(*metadata, "title", ""),
                            .speakers = speakers_of(*metadata),
                            .location = codec::string_or(*metadata, "location", ""),
                            .url = codec::string_or(*metadata, "url", ""),
                            .topic = codec::string_or(*metadata, "topic", ""),
                            .audience = codec::string_or(*metadata, "audience", ""),
                            .description = codec::string_or(*metadata, "description", ""),
                            .times = times_of(*metadata)};
  if (session.title.empty()) return std::nullopt;
  if (!is_web_address(session.url)) session.url.clear();
  return session;
}

Json conference_json(const ConferenceSession& session) {
  return {{"doc_id", session.doc_id},
          {"title", session.title},
          {"speakers", session.speakers},
          {"location", session.location},
          {"url", session.url},
          {"topic", session.topic},
          {"audience", session.audience},
          {"date", date_or_null(session)},
          {"start", clock_or_null(session.times, false)},
          {"end", clock_or_null(session.times, true)}};
}

std::string render_calendar(std::span<const ConferenceSession> sessions, const TimeZone& zone,
                            WallTime now) {
  std::string out;
  add_line(out, "BEGIN:VCALENDAR");
  add_line(out, "VERSION:2.0");
  add_line(out, "PRODID:-//RAGE//rage assistant//EN");
  for (const ConferenceSession& session : sessions) {
    if (session.times) add_event(out, session, zone, now);
  }
  add_line(out, "END:VCALENDAR");
  return out;
}

}  // namespace rage::assistant
