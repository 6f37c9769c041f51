// Asks one web site for pages: slowly, within limits, and nobody else.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "cli/auto_index_source.h"
#include "cli/site_url.h"
#include "net/http_client.h"

namespace rage::cli::detail {

// "rage" in robots.txt and in User-Agent.
inline constexpr const char* kSiteAgent = "rage";

struct Wish {
  enum class Kinds { kAny, kReadable, kPages };
  std::string url = {};
  const IndexedDocument* before = nullptr;  // Null: unconditional.
  Kinds kinds = Kinds::kReadable;           // Of others only the head is read.
  std::uint64_t bytes_max = 0;              // Of the body.
  bool cut = false;                         // What is beyond is left, else it is an error.
};

struct Fetched {
  net::HttpResponse reply;     // The body of a 200 alone, and of none that was not wished for.
  std::string file_name;       // "x.html" and so on; empty: nothing that can be read.
  std::optional<Error> error;  // Then there is no reply.
};

// What a reply can be read as. Pure.
std::string readable_file_name(const std::string& url, const net::Headers& headers);

// Resource. What it is given outlives it. One thread calls; fetch_all() has a few of its own, and
// none when it returns.
class SiteFetcher final {
 public:
  SiteFetcher(const Context& context, Clock& clock, net::HttpTransport& transport,
              const SourceOptions& options, std::chrono::milliseconds pause)
      : context_(context), clock_(clock), transport_(transport), options_(options), pause_(pause) {}

  // The site is an address of this machine or its network, and whoever named it knows that.
  void allow_local() { peers_ = net::Peers::kAny; }

  // Waits its turn: between the beginnings of two requests is at least a pause. A server that says
  // within what time it wants to be asked again is asked again, once.
  Fetched fetch(const Wish& wish);
  // In the order of `wishes`, all at a time but for the pauses.
  std::vector<Fetched> fetch_all(const std::vector<Wish>& wishes);

  void be_slower(std::chrono::milliseconds pause) { pause_ = std::max(pause_, pause); }

 private:
  void wait_for_turn();
  Fetched ask(const Wish& wish) const;
  Fetched ask_once(const Wish& wish) const;

  const Context& context_;
  Clock& clock_;
  net::HttpTransport& transport_;
  const SourceOptions& options_;
  std::chrono::milliseconds pause_;
  std::optional<net::Peers> peers_;  // None: as the options say.
  bool begun_ = false;
};

}  // namespace rage::cli::detail
