// The pages of a conference's site: lists of sessions, and one page a session.
#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/html_text.h"
#include "cli/html_tree.h"
#include "cli/schedule_parse.h"
#include "cli/schedule_time.h"
#include "codec/uri.h"

namespace rage::cli {
namespace {

constexpr std::string_view kSessionPath = "/presentations/";
constexpr int kPagesMax = 1000;

using Elements = std::vector<HtmlElement>;

// Sessions of one page. One thread.
class ListReader final {
 public:
  ListReader(std::string_view html, const std::string& url)
      : html_(html), url_(url), elements_(parse_html_tree(html)) {}

  ListPage read() {
    ListPage page;
    for (std::size_t id = 0; id < elements_.size(); ++id) {
      if (elements_[id].name == "h3") take_session(id, page);
      if (elements_[id].name == "a") take_pager(elements_[id], page);
    }
    return page;
  }

 private:
  std::string_view inner(const HtmlElement& element) const {
    return html_.substr(element.begin, element.end - element.begin);
  }

  // The first link below `id` that has text.
  const HtmlElement* find_link(std::size_t id) const {
    for (const std::size_t child : elements_[id].children) {
      const HtmlElement& element = elements_[child];
      if (element.name == "a" && !element.attribute("href").empty()) return &element;
      if (const HtmlElement* found = find_link(child)) return found;
    }
    return nullptr;
  }

  void take_session(std::size_t heading, ListPage& page) const {
    const HtmlElement* link = find_link(heading);
    if (link == nullptr || page.sessions.size() >= kSessionsMax) return;
    Session session{.title = plain_html(inner(*link)),
                    .url = resolve_link(url_, link->attribute("href")),
                    .speakers = {},
                    .description = {},
                    .topic = {},
                    .audience = {},
                    .location = {},
                    .date = {},
                    .start = {},
                    .end = {}};
    if (session.title.empty() || session.url.find(kSessionPath) == std::string::npos) return;
    const auto& siblings = elements_[elements_[heading].parent].children;
    auto next = std::ranges::find(siblings, heading) + 1;
    if (next != siblings.end() && elements_[*next].name == "div") {
      session.speakers = speakers_in(*next);
      for (++next; next != siblings.end() && elements_[*next].name != "h3"; ++next) {
        const std::string paragraph = plain_html(inner(elements_[*next]));
        if (paragraph.empty()) continue;
        session.description += (session.description.empty() ? "" : " ") + paragraph;
      }
    }
    page.sessions.push_back(std::move(session));
  }

  // Linked names with their address, the others by their commas.
  std::vector<Speaker> speakers_in(std::size_t block) const {
    std::vector<const HtmlElement*> links;
    for (std::size_t id = block + 1; id < elements_.size(); ++id) {
      if (elements_[id].begin >= elements_[block].end) break;
      if (elements_[id].name == "a") links.push_back(&elements_[id]);
    }
    std::vector<Speaker> speakers;
    std::size_t at = elements_[block].begin;
    for (const HtmlElement* link : links) {
      add_plain(at, link->begin, speakers);
      const std::string name = plain_html(inner(*link));
      if (!name.empty()) {
        speakers.push_back({.name = name, .url = resolve_link(url_, link->attribute("href"))});
      }
      at = link->end;
    }
    add_plain(at, elements_[block].end, speakers);
    return speakers;
  }

  // Names between two links, whose tags are no text.
  void add_plain(std::size_t begin, std::size_t end, std::vector<Speaker>& speakers) const {
    const std::string text = plain_html(html_.substr(begin, end - begin));
    for (const std::string_view part : split(text, ',')) {
      std::string_view name = trim(part);
      for (const std::string_view word : {"By", "by", "and", "&"}) {
        if (name == word) name = {};
        if (name.starts_with(std::string(word) + " ")) name = trim(name.substr(word.size()));
      }
      if (!name.empty()) speakers.push_back({.name = std::string(name), .url = {}});
    }
  }

  void take_pager(const HtmlElement& link, ListPage& page) const {
    const std::string target = resolve_link(url_, link.attribute("href"));
    const std::size_t question = target.find('?');
    if (question == std::string::npos) return;
    const auto query = codec::parse_query(std::string_view(target).substr(question + 1));
    const auto number = codec::find_parameter(query, "page");
    const auto value = number ? parse_uint(*number) : std::nullopt;
    if (!value || *value > kPagesMax) return;
    page.last_page = std::max(page.last_page, static_cast<int>(*value));
    const auto relations = split(link.attribute("rel"), ' ');
    if (std::ranges::find(relations, "next") != relations.end()) page.next_link = target;
  }

  const std::string_view html_;
  const std::string& url_;
  const Elements elements_;
};

// What stands behind `label` at the beginning of a line; empty if there is none.
std::string labelled(std::string_view text, std::string_view label) {
  for (const std::string_view line : split(text, '\n')) {
    if (trim(line).starts_with(label)) return plain_text(trim(line).substr(label.size()));
  }
  return {};
}

// "... take place in ROOM on WEEKDAY, DATE - START to END"
bool take_place(std::string_view line, SessionPage& page) {
  constexpr std::string_view kPlace = "take place in ";
  constexpr std::array<std::string_view, 7> kWeekdays{
      " on Monday, ", " on Tuesday, ",  " on Wednesday, ", " on Thursday, ",
      " on Friday, ", " on Saturday, ", " on Sunday, "};
  const std::size_t place = line.find(kPlace);
  if (place == std::string_view::npos) return false;
  const std::string_view rest = line.substr(place + kPlace.size());
  for (const std::string_view weekday : kWeekdays) {
    const std::size_t day = rest.find(weekday);
    if (day == std::string_view::npos) continue;
    const std::string_view when = rest.substr(day + weekday.size());
    for (const std::string_view dash : {" - ", " \u2013 "}) {
      const std::size_t clock = when.find(dash);
      const std::size_t to = when.find(" to ", clock);
      if (clock == std::string_view::npos || to == std::string_view::npos) continue;
      const auto date = parse_date(when.substr(0, clock));
      const std::size_t start_at = clock + dash.size();
      const auto start = parse_time(when.substr(start_at, to - start_at));
      std::string_view last = trim(when.substr(to + 4));
      // "11:45", "11:45 AM", "11:45 PST": what follows the time is of no interest.
      auto end = parse_time(last);
      while (!end && !last.empty()) {
        const std::size_t space = last.rfind(' ');
        last = space == std::string_view::npos ? std::string_view() : trim(last.substr(0, space));
        if (last.ends_with('.')) last.remove_suffix(1);
        end = parse_time(last);
      }
      if (!date || !start || !end) continue;
      page.location = plain_text(rest.substr(0, day));
      page.date = *date;
      page.start = *start;
      page.end = *end;
      return true;
    }
  }
  return false;
}

}  // namespace

ListPage parse_list_page(std::string_view html, const std::string& page_url) {
  return ListReader(html, page_url).read();
}

SessionPage parse_session_page(std::string_view html) {
  const std::string text = read_html(html).text;
  SessionPage page{.topic = labelled(text, "Topic:"),
                   .audience = labelled(text, "Audience:"),
                   .location = {},
                   .date = {},
                   .start = {},
                   .end = {}};
  for (const std::string_view line : split(text, '\n')) {
    if (take_place(plain_text(line), page)) break;
  }
  return page;
}

}  // namespace rage::cli
