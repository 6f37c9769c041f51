// Sessions out of what conferences publish: a flat or indexed JSON file, the feed for the signs at
// the rooms' doors, and the pages of the site. Pure; the bytes are not trusted.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/schedule.h"

namespace rage::cli {

inline constexpr std::size_t kSessionsMax = 20'000;

struct ParsedSchedule {
  std::vector<Session> sessions;      // Each address once, the first wins; in the source's order.
  std::vector<std::string> warnings;  // "address: what is odd about it".
};

// Of a JSON file, whichever it is:
//   [{"title","url","speaker","speaker_url",...}]             the demo's schedule.json
//   {"documents":[{"metadata":{"title","url",...}}]}          the demo's schedule_index.json
//   [{"Name","Location","StartTime","EndTime","Speakers","Topic","Description","Link"}]   the feed,
//     whose texts are HTML and whose times are RFC 3339 instants, shown in Los Angeles
// `base`: what addresses without a host are relative to. kInvalidArgument: none of these.
Result<ParsedSchedule> parse_schedule_json(std::string_view bytes, const std::string& base);

// A page that lists sessions: h3 > a[href] is one, in the element behind it are its speakers, in
// those that follow its abstract.
struct ListPage {
  std::vector<Session> sessions;
  int last_page = 0;      // The largest N of links "?page=N"; pagers leave out those in between.
  std::string next_link;  // Of rel="next"; empty on the last page.
};
ListPage parse_list_page(std::string_view html, const std::string& page_url);

// What the page of one session adds: "Topic:", "Audience:", and "... take place in ROOM on WEEKDAY,
// MONTH D, YYYY - HH:MM to HH:MM". Empty where it does not say.
struct SessionPage {
  std::string topic;
  std::string audience;
  std::string location;
  std::string date;
  std::string start;
  std::string end;
};
SessionPage parse_session_page(std::string_view html);

// One line; typographic apostrophes and hyphens, and spaces that do not break, become plain ones.
std::string plain_text(std::string_view text);
// What a reader of this piece of HTML sees, as plain_text().
std::string plain_html(std::string_view html);

// Times that there are not, ends before their beginning, dates in no calendar: such fields become
// empty, with a warning. Drops what has no title or no address, and addresses that came before.
ParsedSchedule checked(std::vector<Session> sessions);

}  // namespace rage::cli
