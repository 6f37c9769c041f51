// The paths of the service, and what a request to one of them means. Pure.
#pragma once

#include <optional>
#include <string>

#include "net/http.h"

namespace rage::ragserver {

enum class RouteKind {
  kHealth,
  kReady,
  kMetrics,
  kOpenApi,
  kDocs,
  kIndex,
  kIndexes,
  kDeleteIndex,
  kListDocuments,
  kUpdateDocuments,
  kDeleteDocuments,
  kPersist,
  kLoad,
  kRetrieve,
  kChat,
  kModels,
  kEmbeddings,
  kRerank,
  kReadSettings,
  kWriteSettings,
  kAnswers,
  kAnswer,
  kGuardrails,
  kReindex,
};

struct Route {
  RouteKind kind = RouteKind::kHealth;
  std::string name = {};  // Decoded: of the index or the answer that the path names.
};

// `route`, or the methods that the path has ("GET, POST"), or neither: there is no such path.
struct RouteMatch {
  std::optional<Route> route;
  std::string allow;
};

RouteMatch find_route(const net::HttpRequest& request);

// What names the request's span in a trace, "/indexes/{name}/documents"; empty: probes, metrics and
// pages about the service, and paths that there are not.
std::string route_template(const net::HttpRequest& request);

}  // namespace rage::ragserver
