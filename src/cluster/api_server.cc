#include "cluster/api_server.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "cluster/detail/pod_log.h"
#include "cluster/detail/streams.h"
#include "cluster/detail/watch.h"
#include "cluster/discovery.h"
#include "cluster/table.h"
#include "codec/yaml.h"
#include "codec/yaml_writer.h"
#include "kubeobjects/protobuf.h"
#include "kubeobjects/status.h"

namespace rage::cluster {

namespace ko = kubeobjects;

namespace {

constexpr std::string_view kOpenapiV2 =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
constexpr std::size_t kBodyBytesMax = std::size_t{3} << 20;
constexpr auto kRequestTimeout = std::chrono::hours(2);  // A watch is a request, too.
constexpr std::size_t kManagerBytesMax = 128;

bool is_health_path(std::string_view path) {
  return path == "/healthz" || path == "/livez" || path == "/readyz" ||
         path.starts_with("/livez/") || path.starts_with("/readyz/");
}

std::string media_type_of(const net::HttpRequest& request) {
  const std::string_view type = request.headers.find("content-type");
  return to_lower_ascii(trim(type.substr(0, type.find(';'))));
}

// "kubectl/v1.36 (linux/amd64)" writes as "kubectl".
std::string manager_of(const net::HttpRequest& request, const codec::QueryParameters& parameters) {
  std::string manager = parameter_or(parameters, "fieldManager", "");
  if (manager.empty()) {
    const std::string_view agent = request.headers.find("user-agent");
    manager = agent.substr(0, agent.find_first_of("/ "));
  }
  if (manager.empty()) manager = "unknown";
  return manager.substr(0, kManagerBytesMax);
}

Result<Json> parse_body(const net::HttpRequest& request) {
  const std::string type = media_type_of(request);
  if (trim(request.body).empty()) return Json();
  if (type == "application/yaml" || type == "application/apply-patch+yaml") {
    auto parsed = codec::parse_yaml(request.body);
    if (!parsed) return fail(ko::bad_request("error decoding YAML: " + parsed.error().message));
    return parsed;
  }
  if (type == ko::kProtobufMediaType) return ko::parse_protobuf(request.body);
  auto parsed = codec::parse_json(request.body);
  if (!parsed) {
    return fail(
        ko::bad_request("couldn't get version/kind; json parse error: " + parsed.error().message));
  }
  return parsed;
}

Result<PatchKind> patch_kind(const net::HttpRequest& request) {
  const std::string type = media_type_of(request);
  if (type == "application/json-patch+json") return PatchKind::kJson;
  if (type == "application/merge-patch+json") return PatchKind::kMerge;
  if (type == "application/strategic-merge-patch+json") return PatchKind::kStrategicMerge;
  if (type == "application/apply-patch+yaml") return PatchKind::kApply;
  return fail(ko::status_error(
      {.http_status = 415, .reason = "UnsupportedMediaType", .details_always = true},
      "415: Unsupported Media Type"));
}

Result<WriteOptions> write_options(const net::HttpRequest& request,
                                   const codec::QueryParameters& parameters) {
  WriteOptions options{.manager = manager_of(request, parameters),
                       .dry_run = parameter_or(parameters, "dryRun", "") == "All",
                       .force = is_true(parameters, "force")};
  const std::string validation = parameter_or(parameters, "fieldValidation", "Warn");
  if (validation == "Strict") {
    options.validation = ko::FieldValidation::kStrict;
  } else if (validation == "Ignore") {
    options.validation = ko::FieldValidation::kIgnore;
  }
  const std::string dry_run = parameter_or(parameters, "dryRun", "All");
  if (dry_run != "All") {
    const bool creates = request.method == "POST";
    return fail(ko::invalid(
        "meta.k8s.io", creates ? "CreateOptions" : "UpdateOptions", "",
        {{.reason = "FieldValueNotSupported",
          .message = fmt::format("Unsupported value: [\"{}\"]: supported values: \"All\"", dry_run),
          .field = "dryRun"}}));
  }
  return options;
}

net::HttpResponse page_not_found() {
  return {
      .status = 404, .headers = {{"content-type", "text/plain"}}, .body = "404 page not found\n"};
}

Error method_not_allowed() {
  return ko::status_error(
      {.http_status = 405, .reason = "MethodNotAllowed", .details_always = true},
      "the server does not allow this method on the requested resource");
}

bool is_of_running_pods(std::string_view subresource) {
  return subresource == "log" || subresource == "exec" || subresource == "portforward";
}

// The items of a built-in kind's list do not repeat what they are.
void strip_kind(const ko::Resource& resource, Json& object) {
  if (resource.origin != ko::SchemaOrigin::kBuiltin) return;
  object.erase("kind");
  object.erase("apiVersion");
}

}  // namespace

class ApiServer::Handler final {
 public:
  Handler(Objects& objects, Clock& clock, ApiServerOptions options)
      : objects_(objects), clock_(clock), options_(std::move(options)) {}

  void handle(const Context& context, const net::HttpRequest& request,
              net::ResponseWriter& writer) const {
    if (is_health_path(request.path)) {
      (void)writer.send({.status = 200, .headers = {{"content-type", "text/plain"}}, .body = "ok"});
      return;
    }
    Result<void> done = serve(context, request, writer);
    if (!done) answer_error(done.error(), writer);
  }

 private:
  // Who asks, and how the answer should look.
  struct Call {
    const net::HttpRequest& request;
    codec::QueryParameters parameters;
    Representation representation;
  };

  Result<void> serve(const Context& context, const net::HttpRequest& request,
                     net::ResponseWriter& writer) const {
    if (options_.tokens &&
        options_.tokens->find(request.headers.find("authorization")) == nullptr) {
      return fail(ko::status_error({.http_status = 401, .reason = "Unauthorized"}, "Unauthorized"));
    }
    if (request.path == "/openapi/v2") {
      return writer.send(
          {.headers = {{"content-type", std::string(kOpenapiV2)}}, .body = openapi_v2()});
    }
    ASSIGN_OR_RETURN(const Representation representation,
                     negotiate(request.headers.find("accept")));
    const Call call{request, codec::parse_query(request.query), representation};
    const auto path = parse_api_path(request.path);
    if (!path) return serve_document(call, writer);
    if (path->group == "authorization.k8s.io" && request.method == "POST") {
      return serve_access_review(call, writer);
    }
    const ResourcePtr resource =
        objects_.registry()->find(path->group, path->version, path->plural);
    if (!resource) return no_such_kind(path->group, writer);
    if (!resource->namespaced && !path->ns.empty()) return fail(ko::no_such_resource());
    if (resource->qualified() == "pods" && is_of_running_pods(path->subresource)) {
      return serve_running_pod(context, call, resource, *path, writer);
    }
    const bool status = path->subresource == "status" && resource->has_status;
    const bool scale = path->subresource == "scale" && resource->scale != nullptr;
    if (!path->subresource.empty() && !status && !scale) {
      const bool custom = resource->origin == ko::SchemaOrigin::kCustom;
      return fail(custom ? ko::not_found(path->group, path->plural, path->name)
                         : ko::no_such_resource());
    }
    Address address{
        .resource = resource, .ns = path->ns, .name = path->name, .subresource = path->subresource};
    if (address.name.empty()) return serve_collection(context, call, address, writer);
    if (resource->namespaced && address.ns.empty()) return fail(ko::no_such_resource());
    return serve_object(context, call, address, writer);
  }

  Result<void> serve_running_pod(const Context& context, const Call& call,
                                 const ResourcePtr& resource, const ApiPath& path,
                                 net::ResponseWriter& writer) const {
    const std::string& method = call.request.method;
    const bool log = path.subresource == "log";
    if (method != "GET" && (log || method != "POST")) return fail(method_not_allowed());
    ASSIGN_OR_RETURN(const Json pod,
                     objects_.get({.resource = resource, .ns = path.ns, .name = path.name}));
    if (log) return detail::serve_pod_log(context, pod, call.parameters, options_.pod_logs, writer);
    if (path.subresource == "exec") {
      return detail::serve_pod_exec(context, pod, call.parameters, options_.pod_exec, call.request,
                                    writer);
    }
    return detail::serve_port_forward(pod, call.request, writer);
  }

  // A group that nobody knows is no path at all.
  Result<void> no_such_kind(const std::string& group, net::ResponseWriter& writer) const {
    const auto groups = objects_.registry()->groups();
    const bool known =
        std::ranges::any_of(groups, [&](const auto& each) { return each.first == group; });
    if (known) return fail(ko::no_such_resource());
    return writer.send(page_not_found());
  }

  Result<void> serve_document(const Call& call, net::ResponseWriter& writer) const {
    if (call.request.method != "GET") return fail(method_not_allowed());
    const RegistryPtr registry = objects_.registry();
    const auto parts = split(std::string_view(call.request.path).substr(1), '/');
    const bool aggregated = call.representation.aggregated_discovery;
    std::optional<Json> found;
    if (call.request.path == "/version") found = version_document();
    if (parts[0] == "api" && parts.size() == 1) {
      found = aggregated ? aggregated_document(*registry, true) : core_versions_document();
    } else if (parts[0] == "apis" && parts.size() == 1) {
      found = aggregated ? aggregated_document(*registry, false) : groups_document(*registry);
    } else if (parts[0] == "api" && parts.size() == 2) {
      found = resources_document(*registry, "", parts[1]);
    } else if (parts[0] == "apis" && parts.size() == 2) {
      found = group_document(*registry, parts[1]);
    } else if (parts[0] == "apis" && parts.size() == 3) {
      found = resources_document(*registry, parts[1], parts[2]);
    } else if (parts[0] == "openapi" && parts.size() == 2 && parts[1] == "v3") {
      found = openapi_index(*registry);
    } else if (parts[0] == "openapi" && parts.size() == 4 && parts[2] == "api") {
      found = openapi_document(*registry, "", parts[3]);
    } else if (parts[0] == "openapi" && parts.size() == 5 && parts[2] == "apis") {
      found = openapi_document(*registry, parts[3], parts[4]);
    }
    if (!found) {
      return writer.send(page_not_found());
    }
    net::HttpResponse response = rendered(call, 200, *found);
    if (aggregated) {
      response.headers.set("content-type",
                           "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    }
    return writer.send(std::move(response));
  }

  // Whoever has a token may do everything.
  Result<void> serve_access_review(const Call& call, net::ResponseWriter& writer) const {
    ASSIGN_OR_RETURN(Json review, parse_body(call.request));
    if (!review.is_object()) return fail(ko::bad_request("the body is no JSON object"));
    review["status"] = Json::object();
    review["status"]["allowed"] = true;
    return writer.send(rendered(call, 201, review));
  }

  void watch(const Context& context, const Call& call, const Address& address,
             const ListQuery& query, net::ResponseWriter& writer) const {
    detail::serve_watch(
        context, objects_, clock_, address, query,
        {.shape = call.representation.shape, .bookmark_interval = options_.bookmark_interval},
        writer);
  }

  Result<void> serve_collection(const Context& context, const Call& call, const Address& address,
                                net::ResponseWriter& writer) const {
    const std::string& method = call.request.method;
    ASSIGN_OR_RETURN(const ListQuery query, parse_list_query(call.parameters));
    if (method == "GET" && query.watch) {
      watch(context, call, address, query, writer);
      return {};
    }
    if (method == "GET") {
      ASSIGN_OR_RETURN(ObjectList found, objects_.list(address, query));
      return writer.send(rendered(call, 200, listed(call, *address.resource, std::move(found))));
    }
    if (address.resource->namespaced && address.ns.empty()) return fail(method_not_allowed());
    ASSIGN_OR_RETURN(const WriteOptions options, write_options(call.request, call.parameters));
    ASSIGN_OR_RETURN(Json body, parse_body(call.request));
    if (method == "POST") {
      return answer(call, address, objects_.create(address, options, std::move(body)), writer);
    }
    if (method != "DELETE") return fail(method_not_allowed());
    ASSIGN_OR_RETURN(const auto deletion, deletion_of(call, body));
    return answer(call, address, objects_.remove_all(address, options, query, deletion), writer);
  }

  Result<void> serve_object(const Context& context, const Call& call, const Address& address,
                            net::ResponseWriter& writer) const {
    const std::string& method = call.request.method;
    if (method == "GET" && is_true(call.parameters, "watch")) {
      ASSIGN_OR_RETURN(const ListQuery query, parse_list_query(call.parameters));
      watch(context, call, address, query, writer);
      return {};
    }
    if (method == "GET") {
      ASSIGN_OR_RETURN(Json object, objects_.get(address));
      return answer(call, address, ObjectReply{.body = std::move(object)}, writer);
    }
    ASSIGN_OR_RETURN(const WriteOptions options, write_options(call.request, call.parameters));
    if (method == "PATCH") {
      ASSIGN_OR_RETURN(const PatchKind kind, patch_kind(call.request));
      if (kind == PatchKind::kApply && parameter_or(call.parameters, "fieldManager", "").empty()) {
        return fail(ko::invalid("meta.k8s.io", "PatchOptions", "",
                                {{.reason = "FieldValueRequired",
                                  .message = "Required value: is required for apply patch",
                                  .field = "fieldManager"}}));
      }
      ASSIGN_OR_RETURN(const Json patch, parse_body(call.request));
      return answer(call, address, objects_.patch(address, options, kind, patch), writer);
    }
    ASSIGN_OR_RETURN(Json body, parse_body(call.request));
    if (method == "PUT") {
      return answer(call, address, objects_.update(address, options, std::move(body)), writer);
    }
    if (method != "DELETE" || !address.subresource.empty()) return fail(method_not_allowed());
    ASSIGN_OR_RETURN(const auto deletion, deletion_of(call, body));
    return answer(call, address, objects_.remove(address, options, deletion), writer);
  }

  static Result<ko::DeletionRequest> deletion_of(const Call& call, const Json& body) {
    return ko::parse_deletion(body, parameter_or(call.parameters, "propagationPolicy", ""),
                              parameter_or(call.parameters, "gracePeriodSeconds", ""));
  }

  Json listed(const Call& call, const ko::Resource& resource, ObjectList found) const {
    Json meta = Json::object();
    meta["resourceVersion"] = std::to_string(found.version);
    const bool custom = resource.origin == ko::SchemaOrigin::kCustom;
    if (custom || !found.continuation.empty()) {
      meta["continue"] = found.continuation;
      if (found.remaining > 0) meta["remainingItemCount"] = found.remaining;
    }
    if (call.representation.shape == Shape::kTable) {
      return render_table(resource, found.items, std::move(meta), clock_.wall_now());
    }
    const bool partial = call.representation.shape == Shape::kMetadata;
    Json list = Json::object();
    list["kind"] = partial ? "PartialObjectMetadataList" : resource.list_kind;
    list["apiVersion"] = partial ? "meta.k8s.io/v1" : resource.api_version();
    list["metadata"] = std::move(meta);
    Json items = Json::array();
    for (Json& object : found.items) {
      if (partial) object = metadata_only(object);
      if (!partial) strip_kind(resource, object);
      items.push_back(std::move(object));
    }
    list["items"] = std::move(items);
    return list;
  }

  Result<void> answer(const Call& call, const Address& address, Result<ObjectReply> reply,
                      net::ResponseWriter& writer) const {
    if (!reply) return fail(std::move(reply).error());
    const ko::Resource& resource = *address.resource;
    const bool own = codec::string_or(reply->body, "kind", "") == resource.kind;
    Json body = std::move(reply->body);
    if (own && call.representation.shape == Shape::kMetadata) body = metadata_only(body);
    if (own && call.representation.shape == Shape::kTable) {
      Json meta = Json::object();
      meta["resourceVersion"] = codec::string_or(body["metadata"], "resourceVersion", "");
      body = render_table(resource, {std::move(body)}, std::move(meta), clock_.wall_now());
    }
    net::HttpResponse response = rendered(call, reply->http_status, body);
    std::vector<std::string> warnings = reply->warnings;
    if (!resource.deprecation.empty()) warnings.insert(warnings.begin(), resource.deprecation);
    for (std::string& warning : warnings) {
      std::string quoted;
      for (const char c : warning) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c == '\n' || c == '\r' ? ' ' : c;
      }
      response.headers.add("warning", fmt::format("299 - \"{}\"", quoted));
    }
    return writer.send(std::move(response));
  }

  static net::HttpResponse rendered(const Call& call, int status, const Json& body) {
    if (call.representation.yaml) {
      return {.status = status,
              .headers = {{"content-type", "application/yaml"}},
              .body = codec::render_yaml(body)};
    }
    return net::HttpResponse::json(status, codec::render_json(body) + "\n");
  }

  static void answer_error(const Error& error, net::ResponseWriter& writer) {
    const Json status = ko::status_of(error);
    net::HttpResponse response = net::HttpResponse::json(
        static_cast<int>(codec::number_or(status, "code", 500)), codec::render_json(status) + "\n");
    // Refused once the answer has begun: the client has gone.
    (void)writer.send(std::move(response));
  }

  Objects& objects_;
  Clock& clock_;
  const ApiServerOptions options_;
};

ApiServer::~ApiServer() = default;

Result<std::unique_ptr<ApiServer>> ApiServer::create(Objects& objects, Clock& clock,
                                                     ApiServerOptions options) {
  net::HttpServerOptions http{.address = options.address,
                              .port = options.port,
                              .body_bytes_max = kBodyBytesMax,
                              .request_timeout = kRequestTimeout,
                              .workers = options.requests_max,
                              .certificate = options.certificate};
  std::unique_ptr<ApiServer> made(new ApiServer());
  made->handler_ = std::make_unique<Handler>(objects, clock, std::move(options));
  const Handler& handler = *made->handler_;
  ASSIGN_OR_RETURN(made->server_,
                   net::HttpServer::create(
                       http, [&handler](const Context& context, const net::HttpRequest& request,
                                        net::ResponseWriter& writer) {
                         handler.handle(context, request, writer);
                       }));
  return made;
}

std::uint16_t ApiServer::port() const {
  return server_->port();
}

void ApiServer::drain(std::chrono::milliseconds limit) {
  server_->drain(limit);
}

}  // namespace rage::cluster
