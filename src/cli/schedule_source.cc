#include "cli/schedule_source.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "base/files.h"
#include "base/strings.h"
#include "cli/html_tree.h"

namespace rage::cli {
namespace {

constexpr std::uint64_t kBytesMax = std::uint64_t{16} << 20;  // Of a file or a page.
constexpr std::size_t kThreads = 8;
constexpr int kListPagesMax = 200;
constexpr const char* kConference = "https://www.socallinuxexpo.org";

bool is_url(std::string_view place) {
  const std::string start = to_lower_ascii(place.substr(0, 8));
  return start.starts_with("http://") || start.starts_with("https://");
}

bool is_html(std::string_view bytes) {
  return trim(bytes.substr(0, 1024)).starts_with('<');
}

// Runs work(0) to work(count - 1) on a few threads; returns when all are done.
void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min(count, kThreads); ++i) {
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < count; at = next++) work(at);
    });
  }
}

// Everything of one reading. Thread-safe.
class ScheduleReading final {
 public:
  ScheduleReading(const Context& context, Clock& clock, net::HttpTransport& transport,
                  const ScheduleSource& source)
      : context_(context), clock_(clock), transport_(transport), source_(source) {}

  Result<std::string> fetch(const std::string& url) const {
    for (int retry = 0;; ++retry) {
      RETURN_IF_ERROR(context_.check());
      auto page = fetch_once(url);
      const bool worth_it = !page && (page.error().code == ErrorCode::kUnavailable ||
                                      page.error().code == ErrorCode::kDeadlineExceeded);
      if (!worth_it || retry >= source_.retries_max) return page;
      const std::chrono::milliseconds pause = std::chrono::milliseconds(500) * (1 << retry);
      if (!clock_.sleep_for(context_.remaining(pause), context_.stop)) return page;
    }
  }

  // All pages of the list that begins with `first`, which was read already.
  Result<std::vector<Session>> read_lists(const std::string& first_url,
                                          const std::string& first) const {
    ListPage page = parse_list_page(first, first_url);
    std::vector<Session> sessions = std::move(page.sessions);
    const int last = std::min(page.last_page, kListPagesMax);
    std::set<std::string> seen = {first_url};
    std::vector<std::string> urls;
    const std::string plain = first_url.substr(0, first_url.find('?'));
    for (int number = 1; number <= last; ++number) {
      urls.push_back(fmt::format("{}?page={}", plain, number));
    }
    // A pager may end before its list does.
    for (std::size_t at = 0; at <= urls.size() && at < kListPagesMax; ++at) {
      if (at == urls.size()) {
        const bool more = !page.next_link.empty() && !seen.contains(page.next_link) &&
                          origin_of(page.next_link) == origin_of(first_url);
        if (!more) break;
        urls.push_back(page.next_link);
      }
      if (!seen.insert(urls[at]).second) continue;
      ASSIGN_OR_RETURN(const std::string html, fetch(urls[at]));
      page = parse_list_page(html, urls[at]);
      std::ranges::move(page.sessions, std::back_inserter(sessions));
      if (sessions.size() > kSessionsMax) {
        return fail(ErrorCode::kInvalidArgument, "the site lists more than {} sessions",
                    kSessionsMax);
      }
    }
    return sessions;
  }

  // What each session's own page adds.
  void read_details(const std::string& first_url, ScheduleListing& listing) const {
    std::vector<std::string> failures(listing.sessions.size());
    in_parallel(listing.sessions.size(), [&](std::size_t i) {
      Session& session = listing.sessions[i];
      if (origin_of(session.url) != origin_of(first_url)) {
        failures[i] = "it is on another host";
        return;
      }
      const auto html = fetch(session.url);
      if (!html) {
        failures[i] = html.error().message;
        return;
      }
      const SessionPage page = parse_session_page(*html);
      session.topic = page.topic;
      session.audience = page.audience;
      session.location = page.location;
      session.date = page.date;
      session.start = page.start;
      session.end = page.end;
    });
    for (std::size_t i = 0; i < failures.size(); ++i) {
      if (failures[i].empty()) continue;
      listing.kept.insert(listing.sessions[i].url);
      listing.failures.push_back(fmt::format("{}: {}", listing.sessions[i].url, failures[i]));
    }
  }

 private:
  Result<std::string> fetch_once(const std::string& url) const {
    net::ClientRequest request{.url = url, .idle_timeout = source_.page_timeout};
    request.headers.set("user-agent", "RAGE schedule ingestion");
    request.headers.set("accept", "application/json, text/html;q=0.9, */*;q=0.1");
    request.follow_redirects = true;
    request.body_bytes_max = kBytesMax;
    Context one = context_;
    one.deadline = std::chrono::steady_clock::now() + context_.remaining(source_.page_timeout);
    ASSIGN_OR_RETURN(auto reply, transport_.fetch(one, request));
    if (reply.status == 200) return std::move(reply.body);
    const bool passing = reply.status >= 500 || reply.status == 429 || reply.status == 408;
    return fail(passing ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument, "{} answered {}",
                url, reply.status);
  }

  const Context& context_;
  Clock& clock_;
  net::HttpTransport& transport_;
  const ScheduleSource& source_;
};

// Puts `base` in the place of the host that addresses were read from.
void move_addresses(const std::string& from, const std::string& base, ScheduleListing& listing) {
  if (base.empty() || from == base) return;
  const auto move = [&](const std::string& url) {
    return origin_of(url) == from ? base + url.substr(from.size()) : url;
  };
  for (Session& session : listing.sessions) {
    session.url = move(session.url);
    for (Speaker& speaker : session.speakers) speaker.url = move(speaker.url);
  }
  std::set<std::string, std::less<>> kept;
  for (const std::string& url : listing.kept) kept.insert(move(url));
  listing.kept = std::move(kept);
}

}  // namespace

Result<ScheduleListing> read_schedule(const Context& context, Clock& clock,
                                      net::HttpTransport& transport, const ScheduleSource& source) {
  const ScheduleReading reading(context, clock, transport, source);
  const bool remote = is_url(source.place);
  ASSIGN_OR_RETURN(const std::string bytes,
                   remote ? reading.fetch(source.place) : read_file(source.place, kBytesMax));
  std::string base_url = source.place;
  if (!remote) base_url = (source.address_base.empty() ? kConference : source.address_base) + "/";
  ScheduleListing listing;
  if (is_html(bytes)) {
    ASSIGN_OR_RETURN(auto sessions, remote ? reading.read_lists(source.place, bytes)
                                           : Result<std::vector<Session>>(
                                                 parse_list_page(bytes, base_url).sessions));
    ParsedSchedule parsed = checked(std::move(sessions));
    listing.sessions = std::move(parsed.sessions);
    if (remote) {
      reading.read_details(source.place, listing);
      RETURN_IF_ERROR(context.check());
    } else {
      parsed.warnings.push_back("a page alone tells no rooms and times; read the site or its feed");
    }
    listing.warnings = std::move(parsed.warnings);
  } else {
    ASSIGN_OR_RETURN(auto parsed, parse_schedule_json(bytes, base_url));
    listing.sessions = std::move(parsed.sessions);
    listing.warnings = std::move(parsed.warnings);
  }
  if (listing.sessions.empty()) {
    return fail(ErrorCode::kInvalidArgument, "there are no sessions at {}", source.place);
  }
  if (remote) move_addresses(origin_of(source.place), source.address_base, listing);
  return listing;
}

}  // namespace rage::cli
