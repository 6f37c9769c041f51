#include "cli/sitemap.h"

#include <utility>

#include "base/strings.h"
#include "cli/detail/xml_reading.h"

namespace rage::cli {
namespace {

constexpr std::size_t kSitemapUrlBytesMax = 2048;

// <urlset><url><loc>, or <sitemapindex><sitemap><loc>. Pictures and films have a <loc> of their
// own, elsewhere. One thread.
class SitemapReading final : public detail::XmlReading {
 public:
  void begin(std::string_view name, const char**) override {
    open_.emplace_back(name);
    in_loc_ = open_.size() == 3 && name == "loc";
    if (in_loc_) loc_.clear();
  }

  void end(std::string_view) override {
    if (std::exchange(in_loc_, false)) {
      auto& list = open_[1] == "sitemap" ? sitemap.sitemaps : sitemap.pages;
      const std::string_view url = trim(loc_);
      if (!url.empty() && list.size() < kSitemapUrlsMax) list.emplace_back(url);
    }
    open_.pop_back();
  }

  void text(std::string_view words) override {
    if (in_loc_ && loc_.size() + words.size() <= kSitemapUrlBytesMax) loc_ += words;
  }

  Sitemap sitemap;

 private:
  std::vector<std::string> open_;  // From the root down to where we are.
  bool in_loc_ = false;
  std::string loc_;
};

}  // namespace

Result<Sitemap> parse_sitemap(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (trim(bytes.substr(0, 1024)).starts_with('<')) {
    SitemapReading reading;
    RETURN_IF_ERROR(reading.run(bytes));
    return std::move(reading.sitemap);
  }
  Sitemap sitemap;
  for (const std::string_view line : split(bytes, '\n')) {
    const std::string_view url = trim(line);
    if (url.empty()) continue;
    const bool web = url.starts_with("http://") || url.starts_with("https://");
    if (!web || url.size() > kSitemapUrlBytesMax) {
      return fail(ErrorCode::kInvalidArgument, "it is neither XML nor a list of addresses");
    }
    if (sitemap.pages.size() < kSitemapUrlsMax) sitemap.pages.emplace_back(url);
  }
  return sitemap;
}

}  // namespace rage::cli
