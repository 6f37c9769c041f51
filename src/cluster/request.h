// Where a request goes and how its answer should look: paths, query parameters and media types of
// the Kubernetes API. Pure. Source: Kubernetes API concepts, "Resource URIs"; "Server-side
// printing"; "Alternate representations of resources".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/uri.h"
#include "net/http.h"

namespace rage::cluster {

// Value. "/apis/apps/v1/namespaces/a/deployments/b/status", taken apart.
struct ApiPath {
  std::string group;
  std::string version;
  std::string ns;  // Empty: none given.
  std::string plural;
  std::string name;  // Empty: the collection.
  std::string subresource;
};

// None if it is no path of a resource ("/version", "/apis/apps/v1", a bad escape).
std::optional<ApiPath> parse_api_path(std::string_view path);

enum class Shape { kObject, kTable, kMetadata };
struct Representation {
  Shape shape = Shape::kObject;
  bool yaml = false;
  bool aggregated_discovery = false;
};
// 406 if nothing we can write is accepted.
Result<Representation> negotiate(std::string_view accept);

// Value. What lists and watches are asked with.
struct ListQuery {
  std::string label_selector;
  std::string field_selector;
  std::string resource_version;
  std::string resource_version_match;
  std::size_t limit = 0;  // 0: all.
  std::string continuation;
  bool watch = false;
  bool bookmarks = false;
  bool initial_events = false;
  std::optional<std::chrono::seconds> timeout;
};
Result<ListQuery> parse_list_query(const codec::QueryParameters& parameters);

// Where a list goes on: after this object, at this version.
struct Continuation {
  std::int64_t version = 0;
  std::string ns;
  std::string name;
};
std::string render_continuation(const Continuation& at);
Result<Continuation> parse_continuation(std::string_view text);

bool is_true(const codec::QueryParameters& parameters, std::string_view name);
std::string parameter_or(const codec::QueryParameters& parameters, std::string_view name,
                         std::string_view fallback);

}  // namespace rage::cluster
