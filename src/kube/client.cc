#include "kube/client.h"

#include <algorithm>
#include <utility>

#include "codec/uri.h"
#include "kube/detail/rest.h"
#include "kube/detail/watch_decoder.h"
#include "kube/kubeconfig.h"

namespace rage::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kListBytesMax = std::uint64_t{256} << 20;
constexpr std::size_t kDepthMax = 128;
// What a server may be late in ending a watch.
constexpr seconds kWatchGrace{30};

class Query final {
 public:
  Query& add(std::string_view key, std::string_view value) {
    if (value.empty()) return *this;
    text_ += fmt::format("{}{}={}", text_.empty() ? '?' : '&', key, codec::percent_encode(value));
    return *this;
  }
  const std::string& str() const { return text_; }

 private:
  std::string text_;
};

std::string_view content_type_of(PatchType type) {
  switch (type) {
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kStrategicMerge:
      return "application/strategic-merge-patch+json";
  }
  return "";
}

std::string_view name_of(Propagation propagation) {
  switch (propagation) {
    case Propagation::kBackground:
      return "Background";
    case Propagation::kForeground:
      return "Foreground";
    case Propagation::kOrphan:
      return "Orphan";
  }
  return "";
}

// An empty name would make a list of a get and everything of one object; dots would climb.
Result<void> check_key(const ResourceType& type, const ObjectKey& key) {
  const auto is_segment = [](const std::string& text) {
    return !text.empty() && text != "." && text != ".." &&
           text.find_first_of("/%") == std::string::npos;
  };
  if (is_segment(key.name) && (!type.namespaced || is_segment(key.ns))) return {};
  return fail(ErrorCode::kInvalidArgument, "'{}' names no {}", key.str(), type.kind);
}

Result<Json> parse_object(const std::string& body) {
  auto object = codec::parse_json(body, {.bytes_max = kListBytesMax, .depth_max = kDepthMax});
  if (object && object->is_object()) return *std::move(object);
  return fail(ErrorCode::kDataLoss, "the API server's reply is no object");
}

// Items of a list lack what the list says once; their readers expect it.
Json with_type(const ResourceType& type, Json&& item) {
  if (!item.is_object() || item.contains("kind")) return std::move(item);
  Json typed = Json::object();
  typed["apiVersion"] = type.api_version();
  typed["kind"] = type.kind;
  for (auto& [key, value] : item.items()) typed[key] = std::move(value);
  return typed;
}

struct Page {
  std::vector<Json> items;
  std::string resource_version;
  std::string next;
};

Result<Page> parse_page(const ResourceType& type, const std::string& body) {
  ASSIGN_OR_RETURN(Json list, parse_object(body));
  Page page;
  if (const Json* metadata = codec::find_key(list, "metadata")) {
    page.resource_version = codec::string_or(*metadata, "resourceVersion", "");
    page.next = codec::string_or(*metadata, "continue", "");
  }
  const auto items = list.find("items");
  if (items == list.end() || !items->is_array()) return page;  // null: nothing there.
  page.items.reserve(items->size());
  for (Json& item : *items) page.items.push_back(with_type(type, std::move(item)));
  return page;
}

class RestClient final : public KubeClient {
 public:
  RestClient(net::HttpTransport& transport, Clock& clock, ClientConfig config,
             const ClientLimits& limits)
      : event_bytes_max_(limits.watch_event_bytes_max),
        rest_(transport, clock, std::move(config), limits) {}

  Result<Json> get(const Context& context, const ResourceType& type,
                   const ObjectKey& key) override {
    RETURN_IF_ERROR(check_key(type, key));
    return exchange(context, {.path = resource_path(type, key.ns, key.name)});
  }

  Result<std::string> list(const Context& context, const ResourceType& type,
                           const ListOptions& options,
                           const std::function<void(std::vector<Json> items)>& on_page) override {
    std::vector<std::vector<Json>> held;
    const auto deliver = [&](std::vector<Json> items) {
      options.on_restart ? on_page(std::move(items)) : held.push_back(std::move(items));
    };
    Page page;
    int limit = options.page_size;
    do {
      auto next = read_page(context, type, options, limit, page.next);
      if (!next && is_gone(next.error()) && !page.next.empty()) {
        // The snapshot that the pages are cut from has expired: only a list in one piece is sure
        // to end.
        held.clear();
        if (options.on_restart) options.on_restart();
        limit = 0;
        next = read_page(context, type, options, limit, "");
      }
      if (!next) return fail(std::move(next).error());
      if (!next->next.empty() && next->next == page.next) {
        return fail(ErrorCode::kDataLoss, "the API server's list of {} does not end", type.plural);
      }
      page = *std::move(next);
      deliver(std::move(page.items));
    } while (!page.next.empty());
    for (auto& items : held) on_page(std::move(items));
    return page.resource_version;
  }

  Result<Json> create(const Context& context, const ResourceType& type,
                      const Json& object) override {
    const ObjectKey key = apis::parse_meta(object).key();
    // A name may be missing: generateName.
    RETURN_IF_ERROR(check_key(type, {.ns = key.ns, .name = key.name.empty() ? "new" : key.name}));
    return exchange(
        context,
        {.method = "POST", .path = resource_path(type, key.ns), .body = body_of(type, object)});
  }

  Result<Json> update(const Context& context, const ResourceType& type, const Json& object,
                      std::string_view subresource) override {
    const ObjectKey key = apis::parse_meta(object).key();
    RETURN_IF_ERROR(check_key(type, key));
    return exchange(context, {.method = "PUT",
                              .path = resource_path(type, key.ns, key.name, subresource),
                              .body = body_of(type, object)});
  }

  Result<Json> patch(const Context& context, const ResourceType& type, const ObjectKey& key,
                     PatchType patch_type, const Json& patch,
                     std::string_view subresource) override {
    RETURN_IF_ERROR(check_key(type, key));
    return exchange(context, {.method = "PATCH",
                              .path = resource_path(type, key.ns, key.name, subresource),
                              .body = codec::render_json(patch),
                              .content_type = std::string(content_type_of(patch_type))});
  }

  Result<Json> apply(const Context& context, const ResourceType& type, const Json& object,
                     const ApplyOptions& options) override {
    const ObjectKey key = apis::parse_meta(object).key();
    RETURN_IF_ERROR(check_key(type, key));
    Query query;
    query.add("fieldManager", options.field_manager).add("force", options.force ? "true" : "");
    return exchange(
        context, {.method = "PATCH",
                  .path = resource_path(type, key.ns, key.name, options.subresource) + query.str(),
                  .body = body_of(type, object),
                  .content_type = "application/apply-patch+yaml"});  // JSON is YAML.
  }

  Result<void> remove(const Context& context, const ResourceType& type, const ObjectKey& key,
                      const DeleteOptions& options) override {
    RETURN_IF_ERROR(check_key(type, key));
    Json body = {{"apiVersion", "v1"},
                 {"kind", "DeleteOptions"},
                 {"propagationPolicy", name_of(options.propagation)}};
    if (!options.uid.empty()) body["preconditions"] = Json{{"uid", options.uid}};
    auto done = rest_.send(context, {.method = "DELETE",
                                     .path = resource_path(type, key.ns, key.name),
                                     .body = codec::render_json(body)});
    if (done || done.error().code == ErrorCode::kNotFound) return {};
    // Another object has that name by now: the one meant is gone.
    if (!options.uid.empty() && is_conflict(done.error())) return {};
    return fail(std::move(done).error());
  }

  Result<void> watch(const Context& context, const ResourceType& type, const WatchOptions& options,
                     const std::function<bool(WatchEvent event)>& on_event) override {
    Query query;
    query.add("watch", "true")
        .add("allowWatchBookmarks", "true")
        .add("resourceVersion", options.resource_version)
        .add("labelSelector", options.label_selector)
        .add("fieldSelector", options.field_selector)
        .add("timeoutSeconds", std::to_string(std::max<seconds::rep>(options.timeout.count(), 1)));
    detail::WatchDecoder decoder(event_bytes_max_);
    Result<bool> decoded = true;
    Result<void> done = rest_.stream(
        context, {.path = resource_path(type, options.ns) + query.str(), .accept = options.accept},
        options.timeout + kWatchGrace, [&](std::string_view bytes) {
          decoded = decoder.feed(bytes, on_event);
          return decoded && *decoded;
        });
    if (!decoded) return fail(std::move(decoded).error());
    return done;
  }

  Result<std::string> get_raw(const Context& context, std::string_view path) override {
    return rest_.send(context, {.path = std::string(path)});
  }

  Result<void> stream_raw(const Context& context, std::string_view path,
                          const StreamOptions& options,
                          const std::function<bool(std::string_view bytes)>& on_bytes) override {
    return rest_.stream(context, {.path = std::string(path), .accept = options.accept},
                        options.idle_timeout, on_bytes);
  }

 private:
  static std::string body_of(const ResourceType& type, const Json& object) {
    if (object.contains("kind") && object.contains("apiVersion")) return codec::render_json(object);
    Json typed = object;
    typed["apiVersion"] = type.api_version();
    typed["kind"] = type.kind;
    return codec::render_json(typed);
  }

  Result<Json> exchange(const Context& context, const detail::RestRequest& request) {
    ASSIGN_OR_RETURN(const std::string body, rest_.send(context, request));
    return parse_object(body);
  }

  Result<Page> read_page(const Context& context, const ResourceType& type,
                         const ListOptions& options, int limit, const std::string& next) {
    Query query;
    query.add("labelSelector", options.label_selector).add("fieldSelector", options.field_selector);
    if (limit > 0) query.add("limit", std::to_string(limit));
    query.add("continue", next);
    // A continuation carries its own version.
    if (next.empty() && !options.resource_version.empty()) {
      query.add("resourceVersion", options.resource_version)
          .add("resourceVersionMatch", "NotOlderThan");
    }
    ASSIGN_OR_RETURN(const std::string body,
                     rest_.send(context, {.path = resource_path(type, options.ns) + query.str(),
                                          .body_bytes_max = kListBytesMax}));
    return parse_page(type, body);
  }

  const std::size_t event_bytes_max_;
  detail::Rest rest_;
};

}  // namespace

std::string resource_path(const ResourceType& type, std::string_view ns, std::string_view name,
                          std::string_view subresource) {
  std::string path = type.group.empty() ? "/api/" : "/apis/" + type.group + "/";
  path += type.version;
  if (type.namespaced && !ns.empty()) path += "/namespaces/" + codec::percent_encode(ns);
  path += "/" + type.plural;
  if (!name.empty()) path += "/" + codec::percent_encode(name);
  if (!subresource.empty()) path += "/" + std::string(subresource);
  return path;
}

std::unique_ptr<KubeClient> make_kube_client(net::HttpTransport& transport, Clock& clock,
                                             ClientConfig config, const ClientLimits& limits) {
  return std::make_unique<RestClient>(transport, clock, std::move(config), limits);
}

}  // namespace rage::kube
