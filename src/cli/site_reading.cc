#include "cli/detail/site_reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/sha256.h"
#include "base/strings.h"
#include "cli/site_link_note.h"

namespace rage::cli::detail {
namespace {

using codec::Json;
using Rank = Frontier::Rank;

constexpr int kFailuresInARowMax = 10;
constexpr std::size_t kLinkBytesMax = 64 << 10;  // Of one page, to remember.

bool is_permanent(int status) {
  return status == 301 || status == 308;
}

std::vector<std::string_view> robots_tags(const net::Headers& headers) {
  std::vector<std::string_view> tags;
  for (const auto& [name, value] : headers.entries()) {
    if (equals_ignoring_case(name, "x-robots-tag")) tags.push_back(value);
  }
  return tags;
}

std::string_view trim_slashes(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

SiteScope scope_of(const SiteUrl& first, const SiteRequest& request) {
  const std::string_view prefix = trim_slashes(request.prefix);
  return {.origin = first.origin,
          .prefix = request.prefix.empty() ? prefix_of(first.path)
                    : prefix.empty()       ? "/"
                                           : "/" + normal_escapes(prefix) + "/",
          .include = request.include,
          .exclude = request.exclude};
}

}  // namespace

bool is_passing_status(int status) {
  return status >= 500 || status == 408 || status == 429;
}

std::optional<SiteUrl> redirect_target(const Fetched& fetched, const SiteUrl& url) {
  const int status = fetched.reply.status;
  const bool redirect = is_permanent(status) || status == 302 || status == 303 || status == 307;
  if (!redirect) return std::nullopt;
  return resolve_site_url(url, fetched.reply.headers.find("location"));
}

SiteReading::SiteReading(const Context& context, const SiteRequest& request,
                         std::span<const IndexedDocument> index, const SourceOptions& options)
    : context_(context),
      request_(request),
      options_(options),
      known_(known_urls(index, options.owner)),
      frontier_(request.depth_max, request.pages_max * 20 + 1000 + known_.size()) {}

void SiteReading::begin(const SiteUrl& first, const RobotsRules& rules) {
  scope_ = scope_of(first, request_);
  rules_ = rules;
  held_.clear();
  known_within_.clear();
  for (const auto& [place, known] : known_) {
    auto url = parse_site_url(place);
    if (!url || url->text() != place || !objection_to(*url, scope_).empty()) continue;
    held_.insert(link_digest(url->path_and_query()));
    known_within_.emplace(place, *std::move(url));
  }
}

const IndexedDocument* SiteReading::version_known_of(std::string_view url) const {
  const auto found = known_.find(url);
  const IndexedDocument* whole = found == known_.end() ? nullptr : found->second.whole();
  if (whole == nullptr) return nullptr;
  const auto note = parse_link_note(codec::string_or(whole->metadata, kLinkNoteKey, ""), scope_);
  const auto is_held = [&](const std::string& digest) { return held_.contains(digest); };
  return note && std::ranges::all_of(note->held, is_held) ? whole : nullptr;
}

Wish SiteReading::wish_for(const std::string& url) const {
  const auto parsed = parse_site_url(url);
  const bool wanted = parsed && is_wanted(*parsed, scope_);
  return {.url = url,
          .before = version_known_of(url),
          .kinds = wanted ? Wish::Kinds::kReadable : Wish::Kinds::kPages,
          .bytes_max = options_.limits.file_bytes_max};
}

void SiteReading::add_known() {
  for (const auto& [place, url] : known_within_) {
    const Json& metadata = known_.find(place)->second.documents.front()->metadata;
    const double depth = std::clamp(codec::number_or(metadata, kDepthKey, 1), 0.0, 1e6);
    frontier_.add({.url = place, .depth = static_cast<int>(depth)}, Rank::kKnown);
  }
}

bool SiteReading::offer(const SiteUrl& url, int depth, int redirects) {
  if (!objection_to(url, scope_).empty()) return false;
  const FrontierPage page{.url = url.text(), .depth = depth, .redirects = redirects};
  full_ = frontier_.add(page, Rank::kFound) == Frontier::Added::kFull || full_;
  return true;
}

std::vector<FrontierPage> SiteReading::next(std::size_t most) {
  std::vector<FrontierPage> pages;
  while (pages.size() < most) {
    auto page = frontier_.next();
    if (!page) break;
    const auto url = parse_site_url(page->url);
    if (url && is_allowed(rules_, url->path_and_query())) {
      pages.push_back(*std::move(page));
    } else {
      skip(page->url, "robots.txt does not allow it");
    }
  }
  return pages;
}

void SiteReading::stop(std::string_view why) {
  std::size_t kept = 0;
  for (const std::string& url : frontier_.left()) {
    if (!known_.contains(url)) continue;
    ++kept;
    listing_.kept_places.insert(url);
  }
  listing_.notice = fmt::format(
      "{}: {} addresses were not read, {} of which the index has and keeps. Allow more, or read "
      "less of the site",
      why, frontier_.waiting(), kept);
}

void SiteReading::skip(const std::string& url, std::string_view why) {
  listing_.skipped.push_back(fmt::format("{}: {}", url, why));
}

// What the index has of it stays. A server that is down is not asked for everything.
Result<void> SiteReading::give_up(const std::string& url, const std::string& why, bool passing) {
  listing_.kept_places.insert(url);
  listing_.failures.push_back(fmt::format("{}: {}", url, why));
  if (!passing || ++failures_in_a_row_ < kFailuresInARowMax) return {};
  return fail(ErrorCode::kUnavailable, "{} pages in a row could not be read, the last one {}: {}",
              failures_in_a_row_, url, why);
}

Result<void> SiteReading::take(const FrontierPage& page, const Fetched& fetched) {
  frontier_.settle(page.url);
  if (fetched.error) {
    return give_up(page.url, fetched.error->message,
                   fetched.error->code != ErrorCode::kResourceExhausted);
  }
  const int status = fetched.reply.status;
  const bool known = known_.contains(page.url);
  const std::string answer = fmt::format("the server answered {}", status);
  if (is_passing_status(status)) return give_up(page.url, answer, true);
  failures_in_a_row_ = 0;
  const auto url = parse_site_url(page.url);
  if (!url) return give_up(page.url, "it is no address", false);
  if (const auto target = redirect_target(fetched, *url)) {
    return take_redirect(page, *target, status, known);
  }
  if (status == 200) return take_content(page, *url, fetched);
  if (status == 304 && known) {
    take_unchanged(page, *url);
  } else if (known && status != 404 && status != 410) {
    return give_up(page.url, answer, false);
  } else {
    skip(page.url, answer);
  }
  return {};
}

// Whoever is sent elsewhere for now, to log in for example, has not seen that the page is gone.
Result<void> SiteReading::take_redirect(const FrontierPage& page, const SiteUrl& target, int status,
                                        bool known) {
  const std::string_view objection = objection_to(target, scope_);
  std::string why = fmt::format("it redirects to {}", target.text());
  if (!objection.empty()) {
    why.append(": ").append(objection);
    if (known && !is_permanent(status)) return give_up(page.url, why, false);
  } else if (page.redirects == kRedirectsMax) {
    why.append(fmt::format(", and that is more than {} redirects", kRedirectsMax));
  } else {
    offer(target, page.depth, page.redirects + 1);
  }
  skip(page.url, why);
  return {};
}

void SiteReading::take_unchanged(const FrontierPage& page, const SiteUrl& url) {
  listing_.kept_places.insert(page.url);
  const Json& metadata = known_.find(page.url)->second.documents.front()->metadata;
  const auto note = parse_link_note(codec::string_or(metadata, kLinkNoteKey, ""), scope_);
  if (!note) return;
  for (const std::string& link : note->others) {
    if (const auto target = resolve_site_url(url, link)) offer(*target, page.depth + 1, 0);
  }
}

Result<void> SiteReading::take_content(const FrontierPage& page, const SiteUrl& url,
                                       const Fetched& fetched) {
  const auto tags = robots_tags(fetched.reply.headers);
  const SitePage site = fetched.file_name == "x.html"
                            ? read_site_page(fetched.reply.body, url, kSiteAgent, tags)
                            : read_site_file(kSiteAgent, tags);
  add_links(page, site.links);
  if (!is_wanted(url, scope_)) return {};  // Whoever left it out knows.
  if (fetched.file_name.empty()) {
    skip(page.url, fmt::format("'{}' is no kind of file that can be read",
                               media_type(fetched.reply.headers)));
    return {};
  }
  if (site.noindex) {
    skip(page.url, "it asks not to be in an index");
    return {};
  }
  auto documents = documents_of_file(context_, fetched.file_name, fetched.reply.body, kUrlKey,
                                     page.url, options_.owner);
  RETURN_IF_ERROR(context_.check());
  if (!documents && documents.error().code == ErrorCode::kNotFound) {
    skip(page.url, documents.error().message);
    return {};
  }
  if (!documents) return give_up(page.url, documents.error().message, false);
  add_documents(page, url, site, fetched, *std::move(documents));
  return {};
}

void SiteReading::add_links(const FrontierPage& page, const std::vector<SiteUrl>& links) {
  std::vector<std::string> within;
  std::size_t bytes = 0;
  for (const SiteUrl& link : links) {
    if (!offer(link, page.depth + 1, 0)) continue;
    bytes += link.path.size() + link.query.size();
    if (bytes <= kLinkBytesMax) within.push_back(link.path_and_query());
  }
  links_[page.url] = bytes <= kLinkBytesMax ? std::optional(std::move(within)) : std::nullopt;
}

void SiteReading::add_documents(const FrontierPage& page, const SiteUrl& url, const SitePage& site,
                                const Fetched& fetched, std::vector<SourceDocument> documents) {
  total_ += fetched.reply.body.size();
  for (SourceDocument& document : documents) {
    if (fetched.file_name == "x.md") document.metadata["split_type"] = "markdown";
    document.metadata[kDepthKey] = page.depth;
    if (documents.size() == 1) remember_version(fetched.reply.headers, document.metadata);
  }
  // An address that is not to be read cannot stand for the page: a copy of a site often names the
  // original.
  const bool alias = site.canonical && *site.canonical != url &&
                     offer(*site.canonical, page.depth, page.redirects);
  if (alias) {
    aliases_.insert_or_assign(page.url, Alias{*site.canonical, std::move(documents)});
  } else {
    std::ranges::move(documents, std::back_inserter(listing_.documents));
  }
}

SourceListing SiteReading::finish() {
  if (full_ && listing_.notice.empty()) {
    listing_.notice = "the site has more addresses than are followed: read less of it";
  }
  std::set<std::string> held = held_places();
  resolve_aliases(held);
  for (SourceDocument& document : listing_.documents) remember_links(document, held);
  std::ranges::sort(listing_.documents, {}, &SourceDocument::place);
  std::string contents;  // What the revision is a digest of.
  for (const SourceDocument& document : listing_.documents) {
    contents += document.place + "\n" + sha256_hex(document.text) + "\n";
  }
  for (const std::string& place : listing_.kept_places) {
    const auto known = known_.find(place);
    if (known == known_.end()) continue;
    for (const IndexedDocument* document : known->second.documents) {
      contents += place + "\n" + document->doc_id + "\n";
    }
  }
  listing_.revision = sha256_hex(contents).substr(0, 16);
  return std::move(listing_);
}

// What the index will have after this run, if all goes well.
std::set<std::string> SiteReading::held_places() const {
  std::set<std::string> held;
  for (const SourceDocument& document : listing_.documents) held.insert(document.place);
  for (const std::string& place : listing_.kept_places) {
    if (known_.contains(place)) held.insert(place);
  }
  return held;
}

void SiteReading::resolve_aliases(std::set<std::string>& held) {
  for (auto& [place, alias] : aliases_) {
    const std::string canonical = alias.canonical.text();
    if (held.contains(canonical)) {
      skip(place, "it says that its address is " + canonical);
    } else {
      held.insert(place);
      std::ranges::move(alias.documents, std::back_inserter(listing_.documents));
    }
  }
}

void SiteReading::remember_links(SourceDocument& document,
                                 const std::set<std::string>& held) const {
  Json& metadata = document.metadata;
  if (!metadata.contains(kEtagKey) && !metadata.contains(kModifiedKey)) return;
  const auto links = links_.find(document.place);
  std::string text;
  if (links != links_.end() && links->second) {
    LinkNote note;
    for (const std::string& link : *links->second) {
      const bool is_held = held.contains(scope_.origin + link);
      (is_held ? note.held : note.others).push_back(is_held ? link_digest(link) : link);
    }
    text = render_link_note(scope_, note);
  }
  if (!text.empty()) {
    metadata[kLinkNoteKey] = text;
  } else {
    for (const char* key : {kEtagKey, kModifiedKey}) metadata.erase(key);
  }
}

}  // namespace rage::cli::detail
