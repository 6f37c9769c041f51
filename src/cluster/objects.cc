#include "cluster/objects.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "apis/conversion.h"
#include "base/strings.h"
#include "cluster/detail/builtin_fields.h"
#include "cluster/detail/scale.h"
#include "kubeobjects/patch.h"
#include "kubeobjects/status.h"

namespace rage::cluster {

namespace ko = kubeobjects;
using Action = StoreDecision::Action;

struct Objects::Change {
  Action action = Action::kNone;
  Json object;  // In the version of the request.
  int http_status = 200;
  std::vector<std::string> warnings = {};
};

namespace {

Json converted(std::string_view api_version, Json document) {
  if (codec::string_or(document, "apiVersion", "") == api_version) return document;
  if (api_version.starts_with("kaito.sh/")) {
    if (auto result = apis::convert(document, api_version)) return *std::move(result);
  }
  document["apiVersion"] = api_version;  // Strategy None.
  return document;
}

std::string storage_api_version(const ko::Resource& resource) {
  return resource.group.empty() ? resource.storage_version
                                : resource.group + "/" + resource.storage_version;
}

ObjectId id_of(const Address& address, std::string_view name) {
  return {.resource = address.resource->storage_key(),
          .ns = address.resource->namespaced ? address.ns : "",
          .name = std::string(name)};
}

std::string name_of(const Json& object) {
  const Json* metadata = codec::find_key(object, "metadata");
  return metadata == nullptr ? "" : codec::string_or(*metadata, "name", "");
}

Error missing(const Address& address) {
  return ko::not_found(address.resource->group, address.resource->plural, address.name);
}

Error unsupported_patch() {
  return ko::status_error(
      {.http_status = 415, .reason = "UnsupportedMediaType", .details_always = true},
      "the body of the request was in an unknown format - accepted media types include: "
      "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
}

Json deletion_status(const ko::Resource& resource, const Json& object) {
  Json details = Json::object();
  details["name"] = name_of(object);
  if (!resource.group.empty()) details["group"] = resource.group;
  details["kind"] = resource.plural;
  details["uid"] = codec::string_or(object["metadata"], "uid", "");
  Json status = Json::object();
  status["kind"] = "Status";
  status["apiVersion"] = "v1";
  status["metadata"] = Json::object();
  status["status"] = "Success";
  status["details"] = std::move(details);
  return status;
}

}  // namespace

Result<std::unique_ptr<Objects>> Objects::create(ResourceStore& store, Clock& clock,
                                                 const ObjectsOptions& options) {
  std::unique_ptr<Objects> objects(new Objects(store, clock, options));
  objects->refresh_registry();
  const ResourcePtr namespaces = objects->registry()->find("", "v1", "namespaces");
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    Json body = Json::object();
    body["metadata"] = Json::object();
    body["metadata"]["name"] = name;
    auto made = objects->create({.resource = namespaces}, {.manager = "rage"}, std::move(body));
    const bool there = !made && made.error().code == ErrorCode::kAlreadyExists;
    if (!made && !there) return fail(std::move(made).error());
  }
  return objects;
}

RegistryPtr Objects::registry() const {
  return registry_.with([](const RegistryPtr& current) { return current; });
}

void Objects::refresh_registry() {
  std::vector<ResourcePtr> custom;
  const StorePage crds = store_.list("apiextensions.k8s.io/customresourcedefinitions", "");
  for (const StoredPtr& crd : crds.items) {
    if (auto resources = ko::resources_of_crd(crd->parse())) {
      custom.insert(custom.end(), resources->begin(), resources->end());
    }
  }
  auto fresh = std::make_shared<const ko::Registry>(custom);
  registry_.with([&](RegistryPtr& current) { current = std::move(fresh); });
}

std::string Objects::now() const {
  const std::time_t seconds = unix_seconds(clock_.wall_now());
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Json Objects::in_version(const ko::Resource& resource, Json stored) {
  return converted(resource.api_version(), std::move(stored));
}

ko::WriteTarget Objects::target_of(const Address& address, const WriteOptions& options) const {
  return {.resource = address.resource,
          .ns = address.ns,
          .name = address.name,
          .subresource = address.subresource == "scale" ? "" : address.subresource,
          .manager = options.manager,
          .validation = options.validation,
          .now = now()};
}

Result<Json> Objects::get(const Address& address) const {
  const StoredPtr found = store_.find(id_of(address, address.name));
  if (!found) return fail(missing(address));
  Json object = in_version(*address.resource, found->parse());
  if (address.subresource == "scale") return detail::render_scale(*address.resource, object);
  return object;
}

Result<ko::Selector> Objects::parse_selector(const ko::Resource& resource,
                                             const ListQuery& query) const {
  std::vector<std::string> known{"metadata.name", "metadata.namespace"};
  known.insert(known.end(), resource.field_labels.begin(), resource.field_labels.end());
  ko::Selector selector;
  ASSIGN_OR_RETURN(selector.labels, ko::parse_label_selector(query.label_selector));
  ASSIGN_OR_RETURN(selector.fields, ko::parse_field_selector(query.field_selector, known));
  return selector;
}

Result<ObjectList> Objects::list(const Address& address, const ListQuery& query) const {
  ASSIGN_OR_RETURN(const ko::Selector selector, parse_selector(*address.resource, query));
  Continuation from;
  if (!query.continuation.empty()) {
    ASSIGN_OR_RETURN(from, parse_continuation(query.continuation));
    if (!store_.remembers(from.version)) {
      return fail(
          ko::gone("The provided continue parameter is too old to display a consistent "
                   "list result. You can start a new list without the continue "
                   "parameter."));
    }
  }
  const std::string key = address.resource->storage_key();
  StorePage page = store_.list(key, address.ns, {.resource = key, .ns = from.ns, .name = from.name},
                               selector.empty() ? query.limit : 0);
  const auto wanted = parse_uint(query.resource_version);
  if (wanted && *wanted > static_cast<std::uint64_t>(page.version)) {
    return fail(detail::version_too_large(*wanted, page.version));
  }
  ObjectList found{.items = {},
                   // Later pages belong to the first one's version: who watches from there on
                   // hears of whatever changed in between.
                   .version = from.version > 0 ? from.version : page.version,
                   .remaining = page.remaining};
  for (std::size_t i = 0; i < page.items.size(); ++i) {
    const StoredObject& stored = *page.items[i];
    Json object = in_version(*address.resource, stored.parse());
    if (!selector.matches(object)) continue;
    found.items.push_back(std::move(object));
    const bool full = query.limit != 0 && found.items.size() == query.limit;
    const bool last = i + 1 == page.items.size() && page.remaining == 0;
    if (!full || last) continue;
    found.continuation =
        render_continuation({.version = found.version, .ns = stored.id.ns, .name = stored.id.name});
    break;
  }
  return found;
}

Result<void> Objects::check_namespace(const Address& address, std::string_view name) const {
  if (!address.resource->namespaced) return {};
  const StoredPtr ns = store_.find({.resource = "/namespaces", .ns = "", .name = address.ns});
  if (!ns) return fail(ko::not_found("", "namespaces", address.ns));
  if (ns->parse()["metadata"].contains("deletionTimestamp")) {
    return fail(detail::namespace_terminating(*address.resource, name, address.ns));
  }
  return {};
}

std::string Objects::free_address() const {
  const StorePage services = store_.list("/services", "");
  std::vector<std::string> taken;
  for (const StoredPtr& service : services.items) {
    const Json object = service->parse();
    const Json* spec = codec::find_key(object, "spec");
    if (spec != nullptr) taken.push_back(codec::string_or(*spec, "clusterIP", ""));
  }
  for (int high = 0; high < 256; ++high) {
    for (int low = 1; low < 255; ++low) {
      std::string address = fmt::format("{}.{}.{}", options_.service_network, high, low);
      if (std::ranges::count(taken, address) == 0) return address;
    }
  }
  return "None";
}

// What the server itself adds to built-in kinds.
void Objects::complete(const ko::Resource& resource, const Json& live, Json& object) const {
  if (resource.origin != ko::SchemaOrigin::kBuiltin) return;
  if (resource.kind == "Service") {
    detail::keep_service_address(live, object, [this] { return free_address(); });
  }
  if (resource.kind == "Pod") detail::complete_pod(object);
  if (resource.kind == "CustomResourceDefinition") detail::establish(live, object, now());
}

// The last steps of every write: what the server adds, admission, ownership.
Result<Objects::Change> Objects::finish(const Address& address, const WriteOptions& options,
                                        const Json& live, ko::Written written,
                                        const ko::Applied* applied) const {
  const ko::Resource& resource = *address.resource;
  Change change{.action = Action::kPut,
                .object = Json(),
                .http_status = live.is_null() ? 201 : 200,
                .warnings = std::move(written.warnings)};
  if (resource.kind == "CustomResourceDefinition" &&
      resource.origin == ko::SchemaOrigin::kBuiltin) {
    RETURN_IF_ERROR(ko::resources_of_crd(written.object));
  }
  if (options_.admission && address.subresource.empty()) {
    ASSIGN_OR_RETURN(const auto more, options_.admission(resource, written.object, live));
    change.warnings.insert(change.warnings.end(), more.begin(), more.end());
  }
  const ko::Manager manager{.name = options.manager,
                            .api_version = resource.api_version(),
                            .subresource = address.subresource};
  if (applied != nullptr) {
    const auto mode = options.force ? ko::ApplyMode::kForce : ko::ApplyMode::kRefuseConflicts;
    ASSIGN_OR_RETURN(change.object,
                     ko::track_apply(resource.schema, live, std::move(written.object), *applied,
                                     manager, mode, now()));
  } else {
    change.object =
        ko::track_update(resource.schema, live, std::move(written.object), manager, now());
  }
  complete(resource, live, change.object);  // Nobody owns what the server adds.
  if (written.finished) {
    change.action = Action::kRemove;
  } else if (!live.is_null() && ko::is_unchanged(live, change.object)) {
    change.action = Action::kNone;
    change.object = live;
  }
  return change;
}

Result<Objects::Change> Objects::created(const Address& address, const WriteOptions& options,
                                         Json body, const ko::Applied* applied) const {
  RETURN_IF_ERROR(check_namespace(address, address.name));
  ASSIGN_OR_RETURN(ko::Written written,
                   ko::prepare_create(target_of(address, options), std::move(body), random_uuid()));
  return finish(address, options, Json(), std::move(written), applied);
}

Result<Objects::Change> Objects::updated(const Address& address, const WriteOptions& options,
                                         const Json& live, Json wanted,
                                         const ko::Applied* applied) const {
  ASSIGN_OR_RETURN(ko::Written written,
                   ko::prepare_update(target_of(address, options), live, std::move(wanted)));
  return finish(address, options, live, std::move(written), applied);
}

Result<ObjectReply> Objects::write(const Address& address, const WriteOptions& options,
                                   const std::function<Result<Change>(const Json& live)>& change) {
  const ko::Resource& resource = *address.resource;
  Change done;
  const auto decide = [&](const StoredPtr& live) -> Result<StoreDecision> {
    ASSIGN_OR_RETURN(done, change(live ? in_version(resource, live->parse()) : Json()));
    if (done.action == Action::kNone || options.dry_run) return StoreDecision{};
    return StoreDecision{.action = done.action,
                         .object = converted(storage_api_version(resource), done.object)};
  };
  ASSIGN_OR_RETURN(const StoredPtr stored, store_.write(id_of(address, address.name), decide));
  if (done.action != Action::kNone && !options.dry_run) {
    done.object["metadata"]["resourceVersion"] = std::to_string(stored->version);
    if (stored->id.resource == "apiextensions.k8s.io/customresourcedefinitions") {
      refresh_registry();
    }
  }
  if (address.subresource == "scale") {
    ASSIGN_OR_RETURN(done.object, detail::render_scale(resource, done.object));
  }
  return ObjectReply{.http_status = done.http_status,
                     .body = std::move(done.object),
                     .warnings = std::move(done.warnings)};
}

Result<ObjectReply> Objects::create(const Address& address, const WriteOptions& options,
                                    Json body) {
  ko::WriteTarget target = target_of(address, options);
  RETURN_IF_ERROR(ko::address_document(target, body));
  ASSIGN_OR_RETURN(ko::Written written, ko::prepare_create(target, std::move(body), random_uuid()));
  Address exact = address;
  exact.name = name_of(written.object);
  return write(exact, options, [&](const Json& live) -> Result<Change> {
    RETURN_IF_ERROR(check_namespace(exact, exact.name));
    if (!live.is_null()) {
      return fail(ko::already_exists(exact.resource->group, exact.resource->plural, exact.name));
    }
    return finish(exact, options, Json(), std::move(written), nullptr);
  });
}

namespace {

// Whoever writes a whole object says whose it is.
Result<void> check_named(const Address& address, const Json& document) {
  if (!codec::text_at(document, {"metadata", "name"}).empty()) return {};
  return fail(ko::bad_request(fmt::format(
      "the name of the object ({} based on URL) was undeterminable: name must be provided",
      address.name)));
}

}  // namespace

Result<ObjectReply> Objects::update(const Address& address, const WriteOptions& options,
                                    Json body) {
  const bool scale = address.subresource == "scale";
  if (!scale) {
    RETURN_IF_ERROR(check_named(address, body));
    RETURN_IF_ERROR(ko::address_document(target_of(address, options), body));
  }
  return write(address, options, [&](const Json& live) -> Result<Change> {
    if (live.is_null() && address.resource->created_by_update && address.subresource.empty()) {
      return created(address, options, std::move(body), nullptr);
    }
    if (live.is_null()) return fail(missing(address));
    if (!scale) return updated(address, options, live, std::move(body), nullptr);
    ASSIGN_OR_RETURN(Json wanted, detail::with_scale(*address.resource, live, body));
    ASSIGN_OR_RETURN(Change change, updated(address, options, live, std::move(wanted), nullptr));
    return change;
  });
}

Result<ObjectReply> Objects::apply(const Address& address, const WriteOptions& options,
                                   Json config) {
  RETURN_IF_ERROR(ko::address_document(target_of(address, options), config));
  if (config["metadata"].contains("managedFields")) {
    return fail(ko::bad_request("metadata.managedFields must be nil"));
  }
  return write(address, options, [&](const Json& live) -> Result<Change> {
    if (live.is_null()) {
      if (!address.subresource.empty()) return fail(missing(address));
      const ko::Applied applied{.config = config};
      return created(address, options, config, &applied);
    }
    const ko::Manager manager{.name = options.manager,
                              .api_version = address.resource->api_version(),
                              .subresource = address.subresource};
    ko::Merged merged = ko::merge_configuration(address.resource->schema, live, config, manager);
    const ko::Applied applied{.config = config, .changes_something = merged.changes_something};
    return updated(address, options, live, std::move(merged.object), &applied);
  });
}

Result<ObjectReply> Objects::patch(const Address& address, const WriteOptions& options,
                                   PatchKind kind, const Json& patch) {
  const bool scale = address.subresource == "scale";
  if (kind == PatchKind::kApply && !scale) return apply(address, options, patch);
  const bool custom = address.resource->origin == ko::SchemaOrigin::kCustom;
  if (kind == PatchKind::kApply || (kind == PatchKind::kStrategicMerge && custom)) {
    return fail(unsupported_patch());
  }
  return write(address, options, [&](const Json& live) -> Result<Change> {
    if (live.is_null()) return fail(missing(address));
    Json before = live;
    if (scale) {
      ASSIGN_OR_RETURN(before, detail::render_scale(*address.resource, live));
    }
    Json wanted;
    if (kind == PatchKind::kJson) {
      ASSIGN_OR_RETURN(wanted, ko::json_patch(before, patch));
    } else if (kind == PatchKind::kMerge || scale) {
      wanted = ko::merge_patch(before, patch);
    } else {
      ASSIGN_OR_RETURN(wanted, ko::strategic_merge_patch(address.resource->schema, before, patch));
    }
    if (scale) {
      ASSIGN_OR_RETURN(wanted, detail::with_scale(*address.resource, live, wanted));
    } else {
      RETURN_IF_ERROR(check_named(address, wanted));
      RETURN_IF_ERROR(ko::address_document(target_of(address, options), wanted));
    }
    return updated(address, options, live, std::move(wanted), nullptr);
  });
}

Result<ObjectReply> Objects::remove(const Address& address, const WriteOptions& options,
                                    const ko::DeletionRequest& request) {
  const ko::Resource& resource = *address.resource;
  bool finished = false;
  auto reply = write(address, options, [&](const Json& live) -> Result<Change> {
    if (live.is_null()) return fail(missing(address));
    ASSIGN_OR_RETURN(ko::Written written, ko::prepare_delete(resource, live, request, now()));
    detail::wait_for_node(resource, request, clock_.wall_now(), written);
    finished = written.finished;
    const Action action = written.finished    ? Action::kRemove
                          : written.unchanged ? Action::kNone
                                              : Action::kPut;
    return Change{.action = action, .object = std::move(written.object)};
  });
  if (!reply) return reply;
  if (finished && !detail::returns_deleted(resource)) {
    reply->body = deletion_status(resource, reply->body);
  }
  return reply;
}

Result<ObjectReply> Objects::remove_all(const Address& address, const WriteOptions& options,
                                        const ListQuery& query,
                                        const ko::DeletionRequest& request) {
  ASSIGN_OR_RETURN(ObjectList found, list(address, query));
  for (const Json& object : found.items) {
    Address each = address;
    each.name = name_of(object);
    each.ns = codec::string_or(object["metadata"], "namespace", "");
    auto removed = remove(each, options, request);
    if (!removed && removed.error().code != ErrorCode::kNotFound) return removed;
  }
  Json list = Json::object();
  list["kind"] = address.resource->list_kind;
  list["apiVersion"] = address.resource->api_version();
  list["metadata"] = Json::object();
  list["metadata"]["resourceVersion"] = std::to_string(found.version);
  list["items"] = Json::array();
  for (Json& object : found.items) list["items"].push_back(std::move(object));
  return ObjectReply{.http_status = 200, .body = std::move(list)};
}

Result<void> Objects::amend(const ObjectId& id, const std::function<bool(Json& object)>& change) {
  const auto decide = [&](const StoredPtr& live) -> Result<StoreDecision> {
    if (!live) return StoreDecision{};
    Json object = live->parse();
    if (!change(object)) return StoreDecision{};
    const bool gone = object["metadata"].contains("deletionTimestamp") && !ko::is_held(object);
    return StoreDecision{.action = gone ? Action::kRemove : Action::kPut,
                         .object = std::move(object)};
  };
  RETURN_IF_ERROR(store_.write(id, decide));
  if (id.resource == "apiextensions.k8s.io/customresourcedefinitions") refresh_registry();
  return {};
}

}  // namespace rage::cluster
