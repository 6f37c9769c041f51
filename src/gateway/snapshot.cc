#include "gateway/snapshot.h"

namespace rage::gateway {
namespace {

bool matches_wildcard(std::string_view hostname, std::string_view host) {
  // "*.example" takes "a.example" and "a.b.example", not "example".
  const std::string_view suffix = hostname.substr(1);
  return host.size() > suffix.size() && host.ends_with(suffix);
}

}  // namespace

const VirtualHost* find_virtual_host(const ListenerConfig& listener, std::string_view host) {
  const VirtualHost* best = nullptr;
  for (const VirtualHost& candidate : listener.hosts) {
    if (candidate.hostname == host && !host.empty()) return &candidate;
    const bool fits = candidate.hostname.empty() || (candidate.hostname.starts_with("*.") &&
                                                     matches_wildcard(candidate.hostname, host));
    if (fits && (best == nullptr || candidate.hostname.size() > best->hostname.size())) {
      best = &candidate;
    }
  }
  return best;
}

}  // namespace rage::gateway
