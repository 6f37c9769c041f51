#include "cluster/detail/watch.h"

#include <utility>

#include "base/strings.h"
#include "cluster/table.h"
#include "kubeobjects/status.h"

namespace rage::cluster::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// As long as kube-apiserver's shortest.
constexpr seconds kTimeoutDefault{1800};

class WatchStream final {
 public:
  WatchStream(Objects& objects, Clock& clock, const Address& address, const ListQuery& query,
              const WatchSettings& settings, kubeobjects::Selector selector,
              net::ResponseWriter& writer)
      : objects_(objects),
        clock_(clock),
        address_(address),
        query_(query),
        settings_(settings),
        selector_(std::move(selector)),
        writer_(writer) {}

  // Errors are the client's leaving.
  Result<void> run(const Context& context) {
    RETURN_IF_ERROR(writer_.begin(200, {{"content-type", "application/json"}}));
    auto from = parse_uint(query_.resource_version).value_or(0);
    const bool initial = from == 0 || query_.initial_events;
    if (initial) {
      RETURN_IF_ERROR(send_current());
    } else {
      seen_ = static_cast<std::int64_t>(from);
      // From a store that is no more: the client must list again.
      if (seen_ > objects_.store().version()) {
        return send_error(kubeobjects::gone("the resource version is not of this cluster"));
      }
    }
    while (!context.stop.stop_requested() && context.remaining(milliseconds(1)).count() > 0) {
      Context turn = context;
      turn.deadline = std::min(context.deadline.value_or(SteadyTime::max()),
                               std::chrono::steady_clock::now() + settings_.bookmark_interval);
      auto events =
          objects_.store().events_after(turn, address_.resource->storage_key(), seen_, seen_);
      if (!events) return send_error(events.error());
      for (const StoreEvent& event : *events) RETURN_IF_ERROR(send_event(event));
      const bool quiet = events->empty() && std::chrono::steady_clock::now() >= *turn.deadline;
      if (quiet && query_.bookmarks) RETURN_IF_ERROR(send_bookmark(false));
    }
    return {};
  }

 private:
  Result<void> send(std::string_view type, Json object) {
    Json event = Json::object();
    event["type"] = type;
    event["object"] = std::move(object);
    return writer_.write(codec::render_json(event) + "\n");
  }

  Json shaped(Json object) const {
    if (settings_.shape == Shape::kMetadata) return metadata_only(object);
    if (settings_.shape != Shape::kTable) return object;
    Json meta = Json::object();
    meta["resourceVersion"] = codec::string_or(object["metadata"], "resourceVersion", "");
    return render_table(*address_.resource, {std::move(object)}, std::move(meta),
                        clock_.wall_now());
  }

  Result<void> send_current() {
    ListQuery everything = query_;
    everything.limit = 0;
    everything.continuation.clear();
    everything.resource_version.clear();
    auto found = objects_.list(address_, everything);
    if (!found) return send_error(found.error());
    seen_ = found->version;
    for (Json& object : found->items) RETURN_IF_ERROR(send("ADDED", shaped(std::move(object))));
    if (query_.initial_events && query_.bookmarks) return send_bookmark(true);
    return {};
  }

  bool selects(const Json& object) const {
    if (selector_.empty() || object.is_null()) return !object.is_null();
    return selector_.matches(object);
  }

  Json versioned(const StoredPtr& stored) const {
    return stored ? Objects::in_version(*address_.resource, stored->parse()) : Json();
  }

  // One that is selected no longer is deleted for this client; one that now is, is added.
  Result<void> send_event(const StoreEvent& event) {
    const bool elsewhere = !address_.ns.empty() && event.after->id.ns != address_.ns;
    const bool other = !address_.name.empty() && event.after->id.name != address_.name;
    if (elsewhere || other) return {};
    const bool was =
        event.before != nullptr && (selector_.empty() || selects(versioned(event.before)));
    Json after = versioned(event.after);
    const bool is = !event.removed && selects(after);
    if (!was && !is) return {};
    const char* type = !is ? "DELETED" : was ? "MODIFIED" : "ADDED";
    return send(type, shaped(std::move(after)));
  }

  Result<void> send_bookmark(bool initial_end) {
    Json object = Json::object();
    object["kind"] = address_.resource->kind;
    object["apiVersion"] = address_.resource->api_version();
    if (settings_.shape == Shape::kMetadata) object = metadata_only(object);
    object["metadata"] = Json::object();
    object["metadata"]["resourceVersion"] = std::to_string(seen_);
    if (initial_end) {
      object["metadata"]["annotations"] = Json::object();
      object["metadata"]["annotations"]["k8s.io/initial-events-end"] = "true";
    }
    if (settings_.shape == Shape::kTable) {
      Json meta = object["metadata"];
      object = render_table(*address_.resource, {}, std::move(meta), clock_.wall_now());
    }
    return send("BOOKMARK", std::move(object));
  }

  Result<void> send_error(const Error& error) {
    return send("ERROR", kubeobjects::status_of(error));
  }

  Objects& objects_;
  Clock& clock_;
  const Address& address_;
  const ListQuery& query_;
  const WatchSettings& settings_;
  const kubeobjects::Selector selector_;
  net::ResponseWriter& writer_;
  std::int64_t seen_ = 0;
};

}  // namespace

void serve_watch(const Context& context, Objects& objects, Clock& clock, const Address& address,
                 const ListQuery& query, const WatchSettings& settings,
                 net::ResponseWriter& writer) {
  auto selector = objects.parse_selector(*address.resource, query);
  if (!selector) {
    const Error& error = selector.error();
    (void)writer.send(net::HttpResponse::json(kubeobjects::http_status_of(error),
                                              codec::render_json(kubeobjects::status_of(error))));
    return;
  }
  Context limited = context;
  const auto end = std::chrono::steady_clock::now() + query.timeout.value_or(kTimeoutDefault);
  limited.deadline = std::min(context.deadline.value_or(end), end);
  WatchStream stream(objects, clock, address, query, settings, *std::move(selector), writer);
  (void)stream.run(limited);
}

}  // namespace rage::cluster::detail
