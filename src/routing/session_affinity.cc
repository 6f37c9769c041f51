// session-affinity-filter and -scorer: whoever served a session before serves it again. Either the
// client carries the endpoint's name, or we remember it by the session's.
#include <algorithm>
#include <array>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "routing/detail/plugins.h"
#include "routing/endpoint_key.h"

namespace rage::routing::detail {
namespace {

constexpr std::size_t kSessionsMax = 200'000;
constexpr std::size_t kSessionIdBytesMax = 1024;

// Where agents put their session's id (attribute `agent-identity`).
constexpr std::array<std::string_view, 4> kAgentHeaders = {
    "x-claude-code-session-id", "x-session-affinity", "session-id", "session_id"};

struct Options {
  bool remember = false;  // Strategy session_id.
  std::string header;     // Of the other strategy.
  std::vector<std::string> sources;
  std::chrono::milliseconds ttl{0};
  std::string profile;  // Whose endpoint the session is bound to; empty: the primary one.
};

std::optional<std::uint32_t> bound_by(const Schedule& schedule, const std::string& profile) {
  if (profile.empty() || schedule.primary.profile == profile) {
    return static_cast<std::uint32_t>(schedule.primary.endpoints.front());
  }
  for (const ProfileResult& other : schedule.others) {
    if (other.profile == profile) return static_cast<std::uint32_t>(other.endpoints.front());
  }
  return std::nullopt;
}

// "namespace/name" in base64.
std::string token_of(const Endpoint& endpoint) {
  return encode_base64(endpoint.name_space + "/" + endpoint.name());
}

// Resource. Thread-safe. Sessions to endpoints; what is unused for `ttl` is forgotten.
class Sessions final {
 public:
  explicit Sessions(std::chrono::milliseconds ttl) : ttl_(ttl) {}

  std::optional<std::uint64_t> find(const std::string& session, SteadyTime now) const {
    return state_.with([&](const State& state) -> std::optional<std::uint64_t> {
      const auto at = state.by_id.find(session);
      if (at == state.by_id.end() || now - at->second->used_at > ttl_) return std::nullopt;
      return at->second->endpoint;
    });
  }

  void bind(const std::string& session, std::uint64_t endpoint, SteadyTime now) {
    state_.with([&](State& state) {
      const auto at = state.by_id.find(session);
      if (at != state.by_id.end()) {
        state.by_use.splice(state.by_use.end(), state.by_use, at->second);
        at->second->endpoint = endpoint;
        at->second->used_at = now;
      } else {
        state.by_use.push_back({.session = session, .endpoint = endpoint, .used_at = now});
        state.by_id.emplace(session, std::prev(state.by_use.end()));
      }
      while (state.by_use.size() > kSessionsMax || now - state.by_use.front().used_at > ttl_) {
        state.by_id.erase(state.by_use.front().session);
        state.by_use.pop_front();
      }
    });
  }

  void retain(const std::unordered_set<std::uint64_t>& endpoints) {
    state_.with([&](State& state) {
      std::erase_if(state.by_use, [&](const Binding& binding) {
        if (endpoints.contains(binding.endpoint)) return false;
        state.by_id.erase(binding.session);
        return true;
      });
    });
  }

  std::size_t size() const {
    return state_.with([](const State& state) { return state.by_id.size(); });
  }

 private:
  struct Binding {
    std::string session;
    std::uint64_t endpoint;
    SteadyTime used_at;
  };
  struct State {
    std::list<Binding> by_use;  // The least recently used first.
    std::unordered_map<std::string, std::list<Binding>::iterator> by_id;
  };

  const std::chrono::milliseconds ttl_;
  Guarded<State> state_;
};

// Resource. Thread-safe.
class SessionAffinity final : public Learner {
 public:
  explicit SessionAffinity(Options options)
      : options_(std::move(options)), sessions_(options_.ttl) {}

  // Which of the candidates the session is bound to.
  std::optional<std::uint32_t> bound(const Cycle& cycle,
                                     std::span<const std::uint32_t> candidates) const {
    const auto choose = [&](auto matches) -> std::optional<std::uint32_t> {
      const auto at = std::ranges::find_if(
          candidates, [&](std::uint32_t i) { return matches(cycle.endpoints[i]); });
      return at == candidates.end() ? std::nullopt : std::optional(*at);
    };
    if (options_.remember) {
      const std::string session = session_of(cycle.request);
      const auto key = session.empty() ? std::nullopt : sessions_.find(session, cycle.now);
      if (!key) return std::nullopt;
      return choose([&](const Endpoint& endpoint) { return endpoint_key(endpoint) == *key; });
    }
    const std::string_view token = cycle.header(options_.header);
    if (token.empty() || token.size() > kSessionIdBytesMax) return std::nullopt;
    return choose([&](const Endpoint& endpoint) {
      // A name is made only for those that can be it.
      return is_base64_size(endpoint.name_space.size() + 1 + endpoint.pod.size(), token.size()) &&
             token_of(endpoint) == token;
    });
  }

  void annotate(std::span<const Endpoint> candidates, Schedule& schedule) const override {
    if (options_.remember) return;
    const auto endpoint = bound_by(schedule, options_.profile);
    if (!endpoint) return;
    schedule.response_headers.emplace_back(options_.header, token_of(candidates[*endpoint]));
  }

  void commit(const SchedulingRequest& request, std::span<const Endpoint> candidates,
              const Schedule& schedule, SteadyTime now) override {
    if (!options_.remember) return;
    const std::string session = session_of(request);
    const auto endpoint = bound_by(schedule, options_.profile);
    if (session.empty() || !endpoint) return;
    sessions_.bind(session, endpoint_key(candidates[*endpoint]), now);
  }

  void retain(std::span<const Endpoint> endpoints) override {
    if (!options_.remember) return;
    std::unordered_set<std::uint64_t> keys;
    for (const Endpoint& endpoint : endpoints) keys.insert(endpoint_key(endpoint));
    sessions_.retain(keys);
  }

  codec::Json debug_state() const override { return {{"sessions", sessions_.size()}}; }

 private:
  // "-rank-N" is of 7 bytes or more; base64 makes 4 of 3.
  static bool is_base64_size(std::size_t name_bytes, std::size_t token_bytes) {
    const std::size_t least = (name_bytes + 7 + 2) / 3 * 4;
    return token_bytes >= least && token_bytes <= least + 16;
  }

  // Empty: the request has none. Its source keeps two of them apart.
  std::string session_of(const SchedulingRequest& request) const {
    if (!request.header) return {};
    for (const std::string& source : options_.sources) {
      const std::string_view id = trim(request.header(source));
      if (!id.empty() && id.size() <= kSessionIdBytesMax) return source + ":" + std::string(id);
    }
    return {};
  }

  const Options options_;
  Sessions sessions_;
};

std::vector<std::string> read_sources(ParameterReader& config) {
  std::vector<std::string> sources;
  for (ParameterReader& source : config.children("sources")) {
    const std::string header = to_lower_ascii(source.text("header"));
    const std::string attribute = source.text("attribute");
    if (header.empty() == attribute.empty()) source.refuse("header", "or attribute, one of them");
    if (!header.empty()) sources.push_back(header);
    if (attribute.empty()) continue;
    if (attribute != "agent-identity") {
      source.refuse("attribute", "only agent-identity is known; name a header instead");
    }
    sources.insert(sources.end(), kAgentHeaders.begin(), kAgentHeaders.end());
  }
  if (sources.empty()) sources.emplace_back("x-session-id");
  return sources;
}

std::shared_ptr<SessionAffinity> read_affinity(ParameterReader& parameters) {
  Options options;
  options.remember =
      parameters.one_of("strategy", {"encoded_endpoint_header", "session_id"}) == "session_id";
  options.profile = parameters.text("profileName");
  ParameterReader encoded = parameters.child("encodedEndpointHeaderConfig");
  options.header =
      to_lower_ascii(encoded.text("header", parameters.text("headerName", "x-session-token")));
  ParameterReader remembered = parameters.child("sessionIdConfig");
  options.sources = read_sources(remembered);
  const double seconds = remembered.number("evictionTtlSeconds", 300, {.max = 1e7});
  remembered.number("evictionSweepSeconds", 10);  // We sweep as we go.
  options.ttl = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  return std::make_shared<SessionAffinity>(std::move(options));
}

}  // namespace

Plugin session_affinity_filter(ParameterReader& parameters) {
  const auto affinity = read_affinity(parameters);
  return {.filter =
              [affinity](Cycle& cycle, Candidates& kept) {
                if (const auto bound = affinity->bound(cycle, kept)) kept = {*bound};
              },
          .learner = affinity};
}

Plugin session_affinity_scorer(ParameterReader& parameters) {
  const auto affinity = read_affinity(parameters);
  return {.score =
              [affinity](const Cycle& cycle, std::span<const std::uint32_t> candidates,
                         std::span<double> scores) {
                const auto bound = affinity->bound(cycle, candidates);
                if (!bound) return;
                const auto at = std::ranges::find(candidates, *bound);
                scores[static_cast<std::size_t>(at - candidates.begin())] = 1;
              },
          .learner = affinity};
}

}  // namespace rage::routing::detail
