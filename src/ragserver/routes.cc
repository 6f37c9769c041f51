#include "ragserver/routes.h"

#include <algorithm>
#include <string_view>

#include "codec/uri.h"
#include "text/unicode.h"

namespace rage::ragserver {
namespace {

// `prefix` NAME `suffix`, or `prefix` alone where `named` is not set.
struct Pattern {
  std::string_view method;
  std::string_view prefix;
  RouteKind kind;
  bool named = false;
  std::string_view suffix = {};
};

constexpr Pattern kPatterns[] = {
    {"GET", "/health", RouteKind::kHealth},
    {"GET", "/readyz", RouteKind::kReady},
    {"GET", "/metrics", RouteKind::kMetrics},
    {"GET", "/openapi.json", RouteKind::kOpenApi},
    {"GET", "/docs", RouteKind::kDocs},
    {"GET", "/redoc", RouteKind::kDocs},
    {"POST", "/index", RouteKind::kIndex},
    {"GET", "/indexes", RouteKind::kIndexes},
    {"POST", "/retrieve", RouteKind::kRetrieve},
    {"POST", "/v1/chat/completions", RouteKind::kChat},
    {"GET", "/v1/models", RouteKind::kModels},
    {"POST", "/v1/embeddings", RouteKind::kEmbeddings},
    {"POST", "/v1/rerank", RouteKind::kRerank},
    {"GET", "/answers", RouteKind::kAnswers},
    {"GET", "/answers/", RouteKind::kAnswer, true},
    {"GET", "/guardrails/policy", RouteKind::kGuardrails},
    {"DELETE", "/indexes/", RouteKind::kDeleteIndex, true},
    {"GET", "/indexes/", RouteKind::kListDocuments, true, "/documents"},
    {"POST", "/indexes/", RouteKind::kUpdateDocuments, true, "/documents"},
    {"POST", "/indexes/", RouteKind::kDeleteDocuments, true, "/documents/delete"},
    {"GET", "/indexes/", RouteKind::kReadSettings, true, "/settings"},
    {"PUT", "/indexes/", RouteKind::kWriteSettings, true, "/settings"},
    {"POST", "/indexes/", RouteKind::kReindex, true, "/reindex"},
    {"POST", "/persist/", RouteKind::kPersist, true},
    {"POST", "/load/", RouteKind::kLoad, true},
};

// The name within the path, empty for a pattern without one; none if the path is another.
std::optional<std::string> match(const Pattern& pattern, std::string_view path) {
  if (!pattern.named) {
    return path == pattern.prefix ? std::optional<std::string>(std::string()) : std::nullopt;
  }
  if (!path.starts_with(pattern.prefix)) return std::nullopt;
  path.remove_prefix(pattern.prefix.size());
  const std::size_t slash = std::min(path.find('/'), path.size());
  if (slash == 0 || path.substr(slash) != pattern.suffix) return std::nullopt;
  auto name = codec::percent_decode(path.substr(0, slash));
  if (!name || !text::is_valid_utf8(*name)) return std::nullopt;
  return name;
}

bool is_about_the_service(RouteKind kind) {
  return kind == RouteKind::kHealth || kind == RouteKind::kReady || kind == RouteKind::kMetrics ||
         kind == RouteKind::kOpenApi || kind == RouteKind::kDocs;
}

}  // namespace

std::string route_template(const net::HttpRequest& request) {
  for (const Pattern& pattern : kPatterns) {
    if (pattern.method != request.method || !match(pattern, request.path)) continue;
    if (is_about_the_service(pattern.kind)) return {};
    return std::string(pattern.prefix) + (pattern.named ? "{name}" : "") +
           std::string(pattern.suffix);
  }
  return {};
}

RouteMatch find_route(const net::HttpRequest& request) {
  RouteMatch found;
  for (const Pattern& pattern : kPatterns) {
    auto name = match(pattern, request.path);
    if (!name) continue;
    if (pattern.method == request.method) {
      return {.route = Route{.kind = pattern.kind, .name = *std::move(name)}, .allow = {}};
    }
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += pattern.method;
  }
  return found;
}

}  // namespace rage::ragserver
