#include "cli/detail/site_fetcher.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "base/strings.h"
#include "cli/detail/web_source.h"
#include "cli/document_files.h"
#include "net/retry_after.h"

namespace rage::cli::detail {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kOnePage{60'000};
constexpr std::uint64_t kRetrySecondsMax = 30;
constexpr std::size_t kOtherBytesMax = 64 << 10;  // Of bodies that nobody reads.

bool is_unwished(const Wish& wish, const std::string& file_name) {
  switch (wish.kinds) {
    case Wish::Kinds::kAny:
      return false;
    case Wish::Kinds::kReadable:
      return file_name.empty();
    case Wish::Kinds::kPages:
      return file_name != "x.html";
  }
  return false;
}

// One reply as it comes in. One thread.
class Receiving final {
 public:
  Receiving(const Wish& wish, Fetched& fetched) : wish_(wish), fetched_(fetched) {}

  bool take_head(const net::HttpResponse& head) {
    fetched_.reply = head;
    if (head.status != 200) return true;
    fetched_.file_name = readable_file_name(wish_.url, head.headers);
    const auto length = parse_uint(head.headers.find("content-length"));
    too_large_ = !wish_.cut && length && *length > wish_.bytes_max;
    return !too_large_ && !is_unwished(wish_, fetched_.file_name);
  }

  bool take_bytes(std::string_view bytes) {
    if (fetched_.reply.status != 200) {
      passed_over_ += bytes.size();
      return passed_over_ <= kOtherBytesMax;
    }
    std::string& body = fetched_.reply.body;
    const std::uint64_t room = wish_.bytes_max - body.size();
    too_large_ = bytes.size() > room && !wish_.cut;
    body += bytes.substr(0, static_cast<std::size_t>(room));
    return bytes.size() <= room;
  }

  bool too_large() const { return too_large_; }

 private:
  const Wish& wish_;
  Fetched& fetched_;
  bool too_large_ = false;
  std::size_t passed_over_ = 0;
};

}  // namespace

std::string readable_file_name(const std::string& url, const net::Headers& headers) {
  const std::string type = media_type(headers);
  const std::string_view known = file_name_of_type(type);
  if (!known.empty()) return std::string(known);
  const std::string name = to_lower_ascii(last_part(url));
  const bool markdown = name.ends_with(".md") || name.ends_with(".markdown");
  if (type == "text/plain") return markdown ? "x.md" : "x.txt";
  // Servers that do not know a type say so in these two ways.
  if (!type.empty() && type != "application/octet-stream") return {};
  if (markdown) return "x.md";
  return name.ends_with(".txt") || is_convertible_name(name) ? "x" + name.substr(name.rfind('.'))
                                                             : std::string();
}

Fetched SiteFetcher::fetch(const Wish& wish) {
  wait_for_turn();
  return ask(wish);
}

std::vector<Fetched> SiteFetcher::fetch_all(const std::vector<Wish>& wishes) {
  std::vector<Fetched> fetched(wishes.size());
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    wait_for_turn();
    threads.emplace_back([&, i] { fetched[i] = ask(wishes[i]); });
  }
  threads.clear();  // Each has come to its end.
  return fetched;
}

void SiteFetcher::wait_for_turn() {
  if (!std::exchange(begun_, true) || pause_.count() == 0) return;
  clock_.sleep_for(context_.remaining(pause_), context_.stop);
}

Fetched SiteFetcher::ask(const Wish& wish) const {
  Fetched fetched = ask_once(wish);
  const bool busy = !fetched.error && (fetched.reply.status == 429 || fetched.reply.status == 503);
  const auto wait = busy ? net::retry_after(fetched.reply.headers, kRetrySecondsMax) : std::nullopt;
  if (!wait || !clock_.sleep_for(context_.remaining(*wait), context_.stop)) return fetched;
  return ask_once(wish);
}

Fetched SiteFetcher::ask_once(const Wish& wish) const {
  Fetched fetched;
  Receiving receiving(wish, fetched);
  net::ClientRequest request = web_request(wish.url, wish.before, options_);
  request.peers = peers_.value_or(request.peers);
  request.headers.set("user-agent", kSiteAgent);
  request.headers.set("accept",
                      "text/html, application/xhtml+xml, application/pdf, text/markdown, "
                      "text/plain, */*;q=0.1");
  Context one = context_;
  one.deadline = std::chrono::steady_clock::now() + context_.remaining(kOnePage);
  const auto done = transport_.stream(
      one, request, [&](const net::HttpResponse& head) { return receiving.take_head(head); },
      [&](std::string_view bytes) { return receiving.take_bytes(bytes); });
  if (receiving.too_large()) {
    fetched.error = {.code = ErrorCode::kResourceExhausted,
                     .message = fmt::format("it is larger than {} KiB", wish.bytes_max >> 10U)};
  } else if (!done) {
    fetched.error = done.error();
  }
  return fetched;
}

}  // namespace rage::cli::detail
