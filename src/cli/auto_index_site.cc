// A web site as a source: the requests of one reading.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "cli/auto_index_source.h"
#include "cli/detail/site_fetcher.h"
#include "cli/detail/site_reading.h"
#include "cli/robots.h"
#include "cli/site_url.h"
#include "cli/sitemap.h"

namespace rage::cli {
namespace {

using detail::Fetched;
using detail::Wish;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kSitemapsMax = 20;
constexpr milliseconds kCrawlDelayMax{30'000};
constexpr milliseconds kTimeMax = std::chrono::hours{24 * 7};

// Everything of one reading. One thread.
class Crawl final {
 public:
  Crawl(const Context& context, Clock& clock, net::HttpTransport& transport,
        const SiteRequest& request, std::span<const IndexedDocument> index,
        const SourceOptions& options)
      : context_(context),
        request_(request),
        options_(options),
        fetcher_(context, clock, transport, options, request.pause),
        deadline_(steady_clock::now() + context.remaining(kTimeMax) / 4 * 3),
        reading_(context, request, index, options) {}

  Result<SourceListing> run() {
    const auto first = parse_site_url(request_.url);
    if (!first) {
      return fail(ErrorCode::kInvalidArgument,
                  "'{}' is no http:// or https:// address (without a user and a password)",
                  request_.url);
    }
    if (names_an_address(*first)) fetcher_.allow_local();
    RETURN_IF_ERROR(read_robots(*first));
    RETURN_IF_ERROR(read_first_page(*first));
    reading_.add_known();
    RETURN_IF_ERROR(read_sitemaps());
    RETURN_IF_ERROR(read_pages());
    return reading_.finish();
  }

 private:
  // Follows redirects within the site; `url` is where they end.
  template <class WishFor>
  Result<Fetched> follow(SiteUrl& url, WishFor&& wish_for) {
    for (int redirects = 0;; ++redirects) {
      ASSIGN_OR_RETURN(const Wish wish, wish_for(url));
      Fetched fetched = fetcher_.fetch(wish);
      RETURN_IF_ERROR(context_.check());
      if (fetched.error) return fail(std::move(*fetched.error).with_context(wish.url));
      const auto target = detail::redirect_target(fetched, url);
      if (!target) return fetched;
      if (target->origin != url.origin) {
        return fail(ErrorCode::kInvalidArgument,
                    "{} redirects to {}, which is another site: name that one if it is meant",
                    wish.url, target->text());
      }
      if (redirects == detail::kRedirectsMax) {
        return fail(ErrorCode::kInvalidArgument, "{}: more than {} redirects", wish.url,
                    detail::kRedirectsMax);
      }
      url = *target;
    }
  }

  // A site whose rules cannot be read is not read at all; one without rules is (RFC 9309, 2.3.1).
  Result<void> read_robots(const SiteUrl& first) {
    SiteUrl url{.origin = first.origin, .path = "/robots.txt", .query = {}};
    ASSIGN_OR_RETURN(const Fetched fetched, follow(url, [](const SiteUrl& at) -> Result<Wish> {
                       return Wish{.url = at.text(),
                                   .kinds = Wish::Kinds::kAny,
                                   .bytes_max = kRobotsBytesMax,
                                   .cut = true};
                     }));
    if (detail::is_passing_status(fetched.reply.status)) {
      return fail(ErrorCode::kUnavailable, "{} answered {}: nothing is read until it can be read",
                  url.text(), fetched.reply.status);
    }
    if (fetched.reply.status == 200) rules_ = parse_robots(fetched.reply.body, detail::kSiteAgent);
    fetcher_.be_slower(std::min(rules_.crawl_delay.value_or(milliseconds(0)), kCrawlDelayMax));
    return {};
  }

  Result<void> read_first_page(const SiteUrl& first) {
    reading_.begin(first, rules_);
    SiteUrl url = first;
    const auto wish_for = [&](const SiteUrl& at) -> Result<Wish> {
      if (is_allowed(rules_, at.path_and_query())) return reading_.wish_for(at.text());
      return fail(ErrorCode::kPermissionDenied, "{}/robots.txt does not allow '{}' to read {}",
                  at.origin, detail::kSiteAgent, at.text());
    };
    ASSIGN_OR_RETURN(const Fetched fetched, follow(url, wish_for));
    const int status = fetched.reply.status;
    if (status != 200 && status != 304) {
      const bool passing = detail::is_passing_status(status);
      return fail(passing ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument, "{} answered {}",
                  url.text(), status);
    }
    // "/docs" may lead to "/manual/": that is what is meant then.
    const SiteScope& scope = reading_.scope();
    const bool below = url.path.starts_with(scope.prefix) || url.path + "/" == scope.prefix;
    if (!below) reading_.begin(url, rules_);
    ++pages_read_;
    return reading_.take({.url = url.text()}, fetched);
  }

  Result<void> read_sitemaps() {
    std::vector<std::string> waiting = rules_.sitemaps;
    const std::string origin = reading_.scope().origin;
    if (waiting.empty()) waiting.push_back(origin + "/sitemap.xml");
    std::set<std::string> seen;
    for (std::size_t at = 0; at < waiting.size() && seen.size() < kSitemapsMax; ++at) {
      const auto url = parse_site_url(waiting[at]);
      if (!url || url->origin != origin || !seen.insert(url->text()).second) continue;
      const auto sitemap = read_sitemap(*url);
      RETURN_IF_ERROR(context_.check());
      if (!sitemap) {
        const bool absent = sitemap.error().code == ErrorCode::kNotFound;
        if (!absent) reading_.skip(url->text(), sitemap.error().message);
        continue;
      }
      for (const std::string& page : sitemap->pages) {
        if (const auto found = parse_site_url(page)) reading_.offer(*found, 1, 0);
      }
      waiting.insert(waiting.end(), sitemap->sitemaps.begin(), sitemap->sitemaps.end());
    }
    return {};
  }

  Result<Sitemap> read_sitemap(SiteUrl url) {
    ASSIGN_OR_RETURN(const Fetched fetched, follow(url, [&](const SiteUrl& at) -> Result<Wish> {
                       return Wish{.url = at.text(),
                                   .kinds = Wish::Kinds::kAny,
                                   .bytes_max = options_.limits.file_bytes_max};
                     }));
    const int status = fetched.reply.status;
    if (status == 200) return parse_sitemap(fetched.reply.body);
    const bool absent = status == 404 || status == 410;
    return fail(absent ? ErrorCode::kNotFound : ErrorCode::kUnavailable, "the server answered {}",
                status);
  }

  // Why no further page is read; empty: go on.
  std::string limit() const {
    if (pages_read_ >= request_.pages_max) {
      return fmt::format("{} pages have been read, as many as are allowed", pages_read_);
    }
    if (reading_.bytes() > options_.limits.total_bytes_max) {
      return fmt::format("the pages hold more than {} MiB", options_.limits.total_bytes_max >> 20U);
    }
    return steady_clock::now() >= deadline_ ? "the time is over" : "";
  }

  Result<void> read_pages() {
    while (reading_.waiting() > 0) {
      RETURN_IF_ERROR(context_.check());
      if (options_.progress) {
        options_.progress(
            fmt::format("{} pages read, {} known to wait", pages_read_, reading_.waiting()));
      }
      if (const std::string why = limit(); !why.empty()) {
        reading_.stop(why);
        return {};
      }
      const auto most = static_cast<std::size_t>(std::max(request_.parallel, 1));
      const auto pages = reading_.next(std::min(most, request_.pages_max - pages_read_));
      pages_read_ += pages.size();
      std::vector<Wish> wishes;
      for (const FrontierPage& page : pages) wishes.push_back(reading_.wish_for(page.url));
      const std::vector<Fetched> fetched = fetcher_.fetch_all(wishes);
      RETURN_IF_ERROR(context_.check());
      for (std::size_t i = 0; i < pages.size(); ++i) {
        RETURN_IF_ERROR(reading_.take(pages[i], fetched[i]));
      }
    }
    return {};
  }

  const Context& context_;
  const SiteRequest& request_;
  const SourceOptions& options_;
  detail::SiteFetcher fetcher_;
  const steady_clock::time_point deadline_;
  detail::SiteReading reading_;
  RobotsRules rules_;
  std::size_t pages_read_ = 0;
};

}  // namespace

Result<SourceListing> read_site_source(const Context& context, Clock& clock,
                                       net::HttpTransport& transport, const SiteRequest& request,
                                       std::span<const IndexedDocument> index,
                                       const SourceOptions& options) {
  return Crawl(context, clock, transport, request, index, options).run();
}

}  // namespace rage::cli
