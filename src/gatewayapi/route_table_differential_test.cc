// The table against the text of the API, read literally: every match of every route is looked at,
// those that hold are compared criterion by criterion. Whatever the table does to be quick must not
// be seen.
#include <gtest/gtest.h>

#include <random>
#include <tuple>

#include "gatewayapi/detail/query.h"
#include "gatewayapi/hostnames.h"
#include "gatewayapi/world_for_test.h"

namespace rage::gatewayapi {
namespace {

bool prefix_matches(std::string prefix, std::string_view path) {
  const auto elements = [](std::string_view text) {
    auto parts = split(text, '/');
    parts.erase(parts.begin());
    return parts;
  };
  if (prefix.ends_with('/')) prefix.pop_back();
  const auto wanted = prefix.empty() ? std::vector<std::string_view>() : elements(prefix);
  const auto given = elements(path);
  return wanted.size() <= given.size() && std::equal(wanted.begin(), wanted.end(), given.begin());
}

bool path_matches(const PathMatch& path, std::string_view request) {
  switch (path.kind) {
    case PathKind::kExact:
      return path.value == request;
    case PathKind::kPrefix:
      return prefix_matches(path.value, request);
    case PathKind::kRegularExpression:
      return path.regex.matches(request);
  }
  return false;
}

bool value_matches(const ValueMatch& match, const std::optional<std::string>& value) {
  if (!value) return false;
  return match.kind == ValueMatch::Kind::kExact ? match.value == *value
                                                : match.regex.matches(*value);
}

bool all_match(const RouteMatch& match, const TestRequest& request) {
  if (!path_matches(match.path, request.head.path)) return false;
  if (!match.method.empty() && match.method != request.head.method) return false;
  for (const ValueMatch& header : match.headers) {
    const auto value = request.head.header(header.name);
    if (!value_matches(header, value ? std::optional(std::string(*value)) : std::nullopt)) {
      return false;
    }
  }
  for (const ValueMatch& parameter : match.query) {
    std::optional<std::string> first;
    for (const std::string_view part : split(request.head.query, '&')) {
      const std::size_t equals = std::min(part.find('='), part.size());
      if (part.empty() || detail::decode_parameter(part.substr(0, equals)) != parameter.name) {
        continue;
      }
      first = detail::decode_parameter(part.substr(std::min(equals + 1, part.size())));
      break;
    }
    if (!value_matches(parameter, first)) return false;
  }
  return true;
}

// Smaller is better.
using Key = std::tuple<int, int, int, int, bool, int, int, std::int64_t, std::string, std::string,
                       std::size_t>;

Key key_of(const RoutedRoute& route, std::string_view hostname, const RouteMatch& match,
           std::size_t rule) {
  const int exact_host = hostname.empty() || is_wildcard(hostname) ? 0 : 1;
  const int host_size = static_cast<int>(hostname.size());
  const auto& path = match.path.value;
  int size = static_cast<int>(path.size());
  if (match.path.kind == PathKind::kPrefix && path.ends_with('/')) --size;
  if (match.path.kind == PathKind::kExact) size = 0;
  const int kind = match.path.kind == PathKind::kExact               ? 0
                   : match.path.kind == PathKind::kRegularExpression ? 1
                                                                     : 2;
  return {-exact_host,
          -host_size,
          kind,
          -size,
          match.method.empty(),
          -static_cast<int>(match.headers.size()),
          -static_cast<int>(match.query.size()),
          route.created_at.value_or(std::numeric_limits<std::int64_t>::max()),
          route.name.name_space,
          route.name.name,
          rule};
}

const Rule* literal_match(const std::vector<RoutedRoute>& routes, const TestRequest& request) {
  std::optional<Key> best;
  const Rule* found = nullptr;
  for (const RoutedRoute& route : routes) {
    std::vector<std::string> hostnames = route.hostnames;
    if (hostnames.empty()) hostnames.emplace_back();
    for (std::size_t i = 0; i < route.rules->size(); ++i) {
      for (const RouteMatch& match : (*route.rules)[i].matches) {
        for (const std::string& hostname : hostnames) {
          if (!matches_hostname(hostname, request.head.host)) continue;
          if (!all_match(match, request)) continue;
          const Key key = key_of(route, hostname, match, i);
          if (best && *best <= key) continue;
          best = key;
          found = (*route.rules)[i].rule.get();
        }
      }
    }
  }
  return found;
}

// Few words, so that matches and requests meet.
class Generator {
 public:
  explicit Generator(unsigned seed) : engine_(seed) {}

  int number(int below) { return std::uniform_int_distribution<int>(0, below - 1)(engine_); }
  bool chance(int percent) { return number(100) < percent; }
  std::string word() { return std::string(1, static_cast<char>('a' + number(3))); }

  std::string path(int elements_max) {
    std::string text;
    for (int i = number(elements_max + 1); i > 0; --i)
      text += "/" + word() + (chance(10) ? "x" : "");
    if (text.empty() || chance(15)) text += "/";
    return text;
  }

  std::string host() {
    std::string text = word() + ".org";
    for (int i = number(3); i > 0; --i) text = word() + "." + text;
    return text;
  }

  ValueMatch value_match() {
    ValueMatch match{.name = word(), .value = word()};
    if (chance(20)) {
      match.kind = ValueMatch::Kind::kRegularExpression;
      match.value = "[ab]";
      match.regex = *Regex::create(match.value);
    }
    return match;
  }

  std::vector<ValueMatch> value_matches() {
    std::vector<ValueMatch> matches;
    for (int i = number(4) - 1; i > 0; --i) {
      ValueMatch match = value_match();
      const bool fresh = std::ranges::find(matches, match.name, &ValueMatch::name) == matches.end();
      if (fresh) matches.push_back(std::move(match));
    }
    return matches;
  }

  RouteMatch match() {
    RouteMatch made;
    const int kind = number(10);
    made.path.value = path(3);
    if (kind < 2) made.path.kind = PathKind::kExact;
    if (kind == 2) {
      made.path = {.kind = PathKind::kRegularExpression,
                   .value = chance(50) ? "/[ab]/.*" : "/.*",
                   .regex = {}};
      made.path.regex = *Regex::create(made.path.value);
    }
    if (chance(30)) made.method = chance(50) ? "GET" : "POST";
    made.headers = value_matches();
    if (chance(50)) made.query = value_matches();
    return made;
  }

  RoutedRoute route(int index) {
    RoutedRoute made;
    made.name = {.name_space = word(), .name = "r" + std::to_string(index)};
    if (chance(80)) made.created_at = number(3);
    for (int i = number(3); i > 0; --i) {
      std::string hostname = host();
      if (chance(40)) hostname.insert(0, "*.");
      made.hostnames.push_back(std::move(hostname));
    }
    auto rules = std::make_shared<std::vector<RoutedRule>>();
    for (int i = 1 + number(3); i > 0; --i) {
      RoutedRule rule{.rule = std::make_shared<const Rule>(), .matches = {}};
      for (int j = 1 + number(3); j > 0; --j) rule.matches.push_back(match());
      rules->push_back(std::move(rule));
    }
    made.rules = std::move(rules);
    return made;
  }

  std::string request() {
    std::string line = chance(50) ? "GET " : "POST ";
    line += chance(5) ? "-" : host();
    line += " " + path(4);
    for (int i = number(4); i > 0; --i) {
      line += (line.contains('?') ? "&" : "?") + word() + (chance(90) ? "=" + word() : "");
    }
    for (int i = number(4); i > 0; --i) line += " " + word() + ":" + word();
    return line;
  }

 private:
  std::mt19937 engine_;
};

TEST(RouteTableDifferential, AnswersAsTheTextSays) {
  const unsigned first_seed = std::random_device{}();
  int matched = 0;
  for (unsigned seed = first_seed; seed < first_seed + 20; ++seed) {
    Generator generator(seed);
    std::vector<RoutedRoute> routes;
    const int count = 1 + generator.number(40);
    for (int i = 0; i < count; ++i) routes.push_back(generator.route(i));
    const auto table = build_route_table(routes);
    for (int i = 0; i < 100; ++i) {
      const TestRequest request(generator.request());
      const std::optional<Match> match = table->match(request.head);
      const Rule* expected = literal_match(routes, request);
      ASSERT_EQ(match ? match->rule : nullptr, expected)
          << "seed " << seed << ", request " << request.text;
      matched += match ? 1 : 0;
    }
  }
  EXPECT_GT(matched, 400) << "requests and routes hardly meet: the test tests nothing";
}

}  // namespace
}  // namespace rage::gatewayapi
