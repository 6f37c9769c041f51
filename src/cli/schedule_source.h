// A schedule as it is now: a file, a feed, or a site that is read page by page.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "cli/schedule_parse.h"
#include "net/http_client.h"

namespace rage::cli {

struct ScheduleSource {
  std::string place;  // A file, or an http:// or https:// URL.
  // Sessions' addresses have this in place of the scheme and host they were read from; empty: as
  // they are, and of a file the conference's own site.
  std::string address_base = {};
  int retries_max = 2;
  std::chrono::milliseconds page_timeout{30'000};
};

struct ScheduleListing {
  std::vector<Session> sessions;
  // Addresses of sessions whose own page could not be read: what is known of them stays.
  std::set<std::string, std::less<>> kept;
  std::vector<std::string> failures;  // "address: why"
  std::vector<std::string> warnings;
};

// A page that answers with HTML is the list of a site: every page of it is read, then every
// session's own, eight at a time, nothing but of the same host. A list page that cannot be read
// fails the whole, because its sessions would seem to be gone. kInvalidArgument: no schedule;
// kUnavailable and kDeadlineExceeded: trying again may help.
Result<ScheduleListing> read_schedule(const Context& context, Clock& clock,
                                      net::HttpTransport& transport, const ScheduleSource& source);

}  // namespace rage::cli
