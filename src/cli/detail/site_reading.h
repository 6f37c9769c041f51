// One reading of a web site, but for the requests: what is asked next, and what each reply means.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "cli/auto_index_source.h"
#include "cli/detail/site_fetcher.h"
#include "cli/detail/web_source.h"
#include "cli/robots.h"
#include "cli/site_frontier.h"
#include "cli/site_page.h"
#include "cli/site_url.h"

namespace rage::cli::detail {

inline constexpr int kRedirectsMax = 5;

// 408, 429 and what is above 499: asking later may help.
bool is_passing_status(int status);
// Where a reply sends its reader; none if it does not.
std::optional<SiteUrl> redirect_target(const Fetched& fetched, const SiteUrl& url);

// Resource. One thread. What it is given outlives it.
class SiteReading final {
 public:
  SiteReading(const Context& context, const SiteRequest& request,
              std::span<const IndexedDocument> index, const SourceOptions& options);

  // Before anything else; `first` is where reading begins.
  void begin(const SiteUrl& first, const RobotsRules& rules);
  const SiteScope& scope() const { return scope_; }
  // What is to be asked for the page, conditionally if the index tells where it leads and has that.
  Wish wish_for(const std::string& url) const;
  // Everything of the owner within the site is to be read as well.
  void add_known();
  // Whether it is within the site; it is read in its turn.
  bool offer(const SiteUrl& url, int depth, int redirects);

  // At most `most`, as robots.txt allows.
  std::vector<FrontierPage> next(std::size_t most);
  std::size_t waiting() const { return frontier_.waiting(); }
  // The reply to wish_for(page.url). kUnavailable after ten failures in a row.
  Result<void> take(const FrontierPage& page, const Fetched& fetched);
  std::uint64_t bytes() const { return total_; }

  void skip(const std::string& url, std::string_view why);
  // Nothing more is read: what the index has of the rest stays.
  void stop(std::string_view why);
  SourceListing finish();

 private:
  // A page that says its address is another one, until it is known whether that is there.
  struct Alias {
    SiteUrl canonical;
    std::vector<SourceDocument> documents;
  };

  const IndexedDocument* version_known_of(std::string_view url) const;
  Result<void> give_up(const std::string& url, const std::string& why, bool passing);
  Result<void> take_redirect(const FrontierPage& page, const SiteUrl& target, int status,
                             bool known);
  void take_unchanged(const FrontierPage& page, const SiteUrl& url);
  Result<void> take_content(const FrontierPage& page, const SiteUrl& url, const Fetched& fetched);
  void add_links(const FrontierPage& page, const std::vector<SiteUrl>& links);
  void add_documents(const FrontierPage& page, const SiteUrl& url, const SitePage& site,
                     const Fetched& fetched, std::vector<SourceDocument> documents);
  std::set<std::string> held_places() const;
  void resolve_aliases(std::set<std::string>& held);
  void remember_links(SourceDocument& document, const std::set<std::string>& held) const;

  const Context& context_;
  const SiteRequest& request_;
  const SourceOptions& options_;
  const KnownUrls known_;
  SiteScope scope_;
  RobotsRules rules_;
  std::map<std::string, SiteUrl> known_within_;  // Of `known_`, what is within the site.
  std::set<std::string, std::less<>> held_;      // Digests of links to that.
  Frontier frontier_;
  int failures_in_a_row_ = 0;
  std::uint64_t total_ = 0;
  bool full_ = false;
  // Of pages by place, those within the site; none: too many to remember.
  std::map<std::string, std::optional<std::vector<std::string>>> links_;
  std::map<std::string, Alias> aliases_;  // By the address they were read from.
  SourceListing listing_;
};

}  // namespace rage::cli::detail
