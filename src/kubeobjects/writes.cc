#include "kubeobjects/writes.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/strings.h"
#include "codec/documents.h"
#include "kubeobjects/builtin_defaults.h"
#include "kubeobjects/detail/object_rules.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects {
namespace {

using detail::find_at;

constexpr std::size_t kGeneratedPrefixMax = 58;
constexpr std::size_t kRandomLetters = 5;

std::string name_of(const Json& object) {
  const Json* metadata = codec::find_key(object, "metadata");
  return metadata == nullptr ? "" : codec::string_or(*metadata, "name", "");
}

Error invalid_object(const Resource& resource, const Json& object, std::vector<Cause> causes) {
  return invalid(resource.group, resource.kind, name_of(object), std::move(causes));
}

std::string cannot_be_handled(const Resource& resource, std::string_view why) {
  return fmt::format("{} in version \"{}\" cannot be handled as a {}: {}", resource.kind,
                     resource.version, resource.kind, why);
}

Result<void> refuse_unknown(const WriteTarget& target, const std::vector<std::string>& unknown,
                            std::vector<std::string>& warnings) {
  if (unknown.empty() || target.validation == FieldValidation::kIgnore) return {};
  std::vector<std::string> texts;
  for (const std::string& field : unknown)
    texts.push_back(fmt::format("unknown field \"{}\"", field));
  if (target.validation == FieldValidation::kWarn) {
    warnings.insert(warnings.end(), texts.begin(), texts.end());
    return {};
  }
  const std::string why = "strict decoding error: " + join(texts, ", ");
  return fail(bad_request(cannot_be_handled(*target.resource, why)));
}

void append(std::vector<Cause>& causes, std::vector<Cause> more) {
  causes.insert(causes.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
}

// As Go leaves them out; the schema of a built-in kind says so itself.
void drop_what_is_empty(Json& metadata) {
  for (const char* key : {"labels", "annotations", "finalizers", "ownerReferences"}) {
    const auto it = metadata.find(key);
    if (it != metadata.end() && it->empty()) metadata.erase(it);
  }
}

// Pruned, with defaults, judged as a whole; `live` is null on create.
Result<void> admit(const WriteTarget& target, const Json* live, Json& object,
                   std::vector<std::string>& warnings) {
  const Resource& resource = *target.resource;
  fill_in_defaults(resource, object);
  if (resource.origin == SchemaOrigin::kCustom) drop_what_is_empty(object["metadata"]);
  Checked checked = check_document(resource.schema, resource.origin, object);
  if (!checked.undecodable.empty()) {
    std::string why = checked.undecodable;
    const std::size_t at = why.find("field ");
    if (at != std::string::npos) why.insert(at + 6, resource.kind + ".");
    return fail(bad_request(cannot_be_handled(resource, why)));
  }
  RETURN_IF_ERROR(refuse_unknown(target, checked.unknown_fields, warnings));
  std::vector<Cause> causes = detail::metadata_problems(resource, object);
  append(causes, std::move(checked.causes));
  if (causes.empty()) append(causes, detail::builtin_problems(resource, object));
  if (live != nullptr) append(causes, detail::immutability_problems(resource, *live, object));
  if (!causes.empty()) return fail(invalid_object(resource, object, std::move(causes)));
  fill_in_defaults(resource, object);
  return {};
}

Json& metadata_of(Json& object) {
  Json& metadata = object["metadata"];
  if (!metadata.is_object()) metadata = Json::object();
  return metadata;
}

void keep(const Json& from, Json& to, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (const Json* value = codec::find_key(from, key)) {
      to[key] = *value;
    } else {
      to.erase(key);
    }
  }
}

void keep_identity(const Json& live, Json& wanted) {
  const Json* before = codec::find_key(live, "metadata");
  if (before == nullptr) return;
  keep(*before, metadata_of(wanted),
       {"name", "namespace", "uid", "generateName", "creationTimestamp", "deletionTimestamp",
        "deletionGracePeriodSeconds", "resourceVersion", "generation", "managedFields"});
  metadata_of(wanted).erase("selfLink");
}

bool is_wanted_state_same(const Resource& resource, const Json& a, const Json& b) {
  if (resource.origin == SchemaOrigin::kBuiltin && codec::find_key(a, "spec") != nullptr) {
    const bool annotations =
        resource.kind != "Deployment" ||
        codec::same_json(
            find_at(a, "metadata.annotations") ? *find_at(a, "metadata.annotations") : Json(),
            find_at(b, "metadata.annotations") ? *find_at(b, "metadata.annotations") : Json());
    return annotations && codec::same_json(a["spec"], b.contains("spec") ? b["spec"] : Json());
  }
  Json left = a;
  Json right = b;
  for (const char* key : {"metadata", "status", "apiVersion", "kind"}) {
    left.erase(key);
    right.erase(key);
  }
  return codec::same_json(left, right);
}

Result<void> check_versions(const WriteTarget& target, const Json& live, const Json& wanted) {
  const Resource& resource = *target.resource;
  const Json* metadata = codec::find_key(wanted, "metadata");
  const Json& before = live["metadata"];
  const std::string name = codec::string_or(before, "name", "");
  const std::string version = metadata ? codec::string_or(*metadata, "resourceVersion", "") : "";
  const std::string uid = metadata ? codec::string_or(*metadata, "uid", "") : "";
  if (version.empty() && resource.origin == SchemaOrigin::kCustom) {
    return fail(invalid(resource.group, resource.plural, name,
                        {{.reason = "FieldValueInvalid",
                          .message = "Invalid value: 0: must be specified for an update",
                          .field = "metadata.resourceVersion"}}));
  }
  if (!uid.empty() && uid != codec::string_or(before, "uid", "")) {
    return fail(conflict(resource.group, resource.plural, name,
                         fmt::format("Precondition failed: UID in precondition: {}, UID in object "
                                     "meta: {}",
                                     uid, codec::string_or(before, "uid", ""))));
  }
  if (version.empty() || version == codec::string_or(before, "resourceVersion", "")) return {};
  return fail(conflict(resource.group, resource.plural, name,
                       "the object has been modified; please apply your changes to the latest "
                       "version and try again"));
}

Result<void> check_finalizers(const Resource& resource, const Json& live, const Json& wanted) {
  if (find_at(live, "metadata.deletionTimestamp") == nullptr) return {};
  const Json* now = find_at(wanted, "metadata.finalizers");
  const Json* before = find_at(live, "metadata.finalizers");
  for (const Json& finalizer : now != nullptr && now->is_array() ? *now : Json::array()) {
    if (before != nullptr && std::ranges::count(*before, finalizer) > 0) continue;
    return fail(invalid_object(
        resource, wanted,
        {{.reason = "FieldValueForbidden",
          .message = fmt::format("Forbidden: no new finalizers can be added if the object is being "
                                 "deleted, found new finalizers []string{{{}}}",
                                 codec::render_json(finalizer)),
          .field = "metadata.finalizers"}}));
  }
  return {};
}

// Only the status is the address of a status write.
Json with_status(const Json& live, const Json& wanted) {
  Json next = live;
  if (const Json* status = codec::find_key(wanted, "status")) {
    next["status"] = *status;
  } else {
    next.erase("status");
  }
  return next;
}

}  // namespace

bool is_held(const Json& object) {
  const Json* own = find_at(object, "metadata.finalizers");
  if (own != nullptr && !own->empty()) return true;
  if (codec::string_or(object, "kind", "") != "Namespace") return false;
  const Json* spec = find_at(object, "spec.finalizers");
  return spec != nullptr && !spec->empty();
}

std::string generated_name(const std::string& prefix) {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::random_device random;
  std::string name = prefix.substr(0, kGeneratedPrefixMax);
  for (std::size_t i = 0; i < kRandomLetters; ++i) name += kLetters[random() % kLetters.size()];
  return name;
}

namespace {

Result<void> check_kind(const Resource& resource, const Json& document, const std::string& kind,
                        const std::string& version) {
  const bool other_version = version != resource.api_version();
  if (kind == resource.kind && !other_version) return {};
  if (resource.origin == SchemaOrigin::kBuiltin) {
    return fail(bad_request(
        fmt::format("{0} in version \"{1}\" cannot be handled as a {2}: no kind "
                    "\"{0}\" is registered for version \"{3}\"",
                    kind, version.substr(version.find('/') + 1), resource.kind, version)));
  }
  if (other_version) {
    return fail(
        bad_request(fmt::format("the API version in the data ({}) does not match the "
                                "expected API version ({})",
                                version, resource.api_version())));
  }
  return fail(
      invalid(resource.group, kind, name_of(document),
              {{.reason = "FieldValueInvalid",
                .message = fmt::format("Invalid value: \"{}\": must be {}", kind, resource.kind),
                .field = "kind"}}));
}

}  // namespace

Result<void> address_document(const WriteTarget& target, Json& document) {
  const Resource& resource = *target.resource;
  if (!document.is_object()) return fail(bad_request("the body is no JSON object"));
  const std::string kind = codec::string_or(document, "kind", resource.kind);
  const std::string version = codec::string_or(document, "apiVersion", resource.api_version());
  RETURN_IF_ERROR(check_kind(resource, document, kind, version));
  Json ordered = Json::object();
  ordered["apiVersion"] = version;
  ordered["kind"] = kind;
  for (auto& [key, value] : document.items()) {
    if (key != "apiVersion" && key != "kind") ordered[key] = std::move(value);
  }
  document = std::move(ordered);
  Json& metadata = metadata_of(document);
  const std::string ns = codec::string_or(metadata, "namespace", "");
  if (!resource.namespaced) {
    metadata.erase("namespace");
  } else if (!ns.empty() && ns != target.ns) {
    return fail(
        bad_request("the namespace of the provided object does not match the namespace "
                    "sent on the request"));
  } else {
    metadata["namespace"] = target.ns;
  }
  const std::string name = codec::string_or(metadata, "name", "");
  if (target.name.empty()) return {};
  if (!name.empty() && name != target.name) {
    return fail(
        bad_request(fmt::format("the name of the object ({}) does not match the name on "
                                "the URL ({})",
                                name, target.name)));
  }
  metadata["name"] = target.name;
  return {};
}

Result<Written> prepare_create(const WriteTarget& target, Json document, const std::string& uid) {
  const Resource& resource = *target.resource;
  Json& metadata = metadata_of(document);
  const std::string prefix = codec::string_or(metadata, "generateName", "");
  if (codec::string_or(metadata, "name", "").empty()) {
    if (prefix.empty()) {
      return fail(invalid_object(resource, document,
                                 {{.reason = "FieldValueRequired",
                                   .message = "Required value: name or generateName is required",
                                   .field = "metadata.name"}}));
    }
    metadata["name"] = generated_name(prefix);
  }
  for (const char* key : {"resourceVersion", "generation", "deletionTimestamp", "selfLink",
                          "deletionGracePeriodSeconds", "managedFields"}) {
    metadata.erase(key);
  }
  metadata["uid"] = uid;
  metadata["creationTimestamp"] = target.now;
  if (resource.has_generation) metadata["generation"] = 1;
  const bool node = resource.kind == "Node" && resource.origin == SchemaOrigin::kBuiltin;
  if (resource.has_status && !node) document.erase("status");  // Of a Node it may be stated.
  Written written{.object = std::move(document)};
  RETURN_IF_ERROR(admit(target, nullptr, written.object, written.warnings));
  Json status = initial_status(resource, written.object);
  if (!status.is_null() && !written.object.contains("status")) {
    written.object["status"] = std::move(status);
  }
  return written;
}

Result<Written> prepare_update(const WriteTarget& target, const Json& live, Json wanted) {
  const Resource& resource = *target.resource;
  RETURN_IF_ERROR(check_versions(target, live, wanted));
  Written written;
  if (target.subresource == "status") {
    written.object = with_status(live, wanted);
  } else {
    written.object = std::move(wanted);
    keep_identity(live, written.object);
    if (resource.has_status) keep(live, written.object, {"status"});
  }
  RETURN_IF_ERROR(check_finalizers(resource, live, written.object));
  RETURN_IF_ERROR(admit(target, &live, written.object, written.warnings));
  if (resource.has_generation && !is_wanted_state_same(resource, live, written.object)) {
    const double before = codec::number_or(live["metadata"], "generation", 0);
    metadata_of(written.object)["generation"] = static_cast<std::int64_t>(before) + 1;
  }
  written.finished =
      find_at(live, "metadata.deletionTimestamp") != nullptr && !is_held(written.object);
  return written;
}

bool is_unchanged(const Json& live, const Json& next) {
  if (codec::same_json(live, next)) return true;
  // Only the times of managedFields differ: nothing to write.
  Json a = live;
  Json b = next;
  for (Json* object : {&a, &b}) {
    const auto metadata = object->find("metadata");
    if (metadata == object->end()) continue;
    const auto fields = metadata->find("managedFields");
    if (fields == metadata->end()) continue;
    for (Json& entry : *fields) entry.erase("time");
  }
  return codec::same_json(a, b);
}

Result<DeletionRequest> parse_deletion(const Json& body, const std::string& propagation_policy,
                                       const std::string& grace_seconds) {
  DeletionRequest request;
  std::string policy = codec::string_or(body, "propagationPolicy", propagation_policy);
  const Json* orphan = codec::find_key(body, "orphanDependents");
  if (orphan != nullptr && orphan->is_boolean()) policy = *orphan == true ? "Orphan" : "Background";
  if (policy == "Foreground") {
    request.propagation = Propagation::kForeground;
  } else if (policy == "Orphan") {
    request.propagation = Propagation::kOrphan;
  } else if (!policy.empty() && policy != "Background") {
    return fail(invalid("meta.k8s.io", "DeleteOptions", "",
                        {{.reason = "FieldValueNotSupported",
                          .message = fmt::format("Unsupported value: \"{}\": supported values: "
                                                 "\"Foreground\", \"Background\", \"Orphan\", "
                                                 "\"nil\"",
                                                 policy),
                          .field = "propagationPolicy"}}));
  }
  if (const Json* preconditions = codec::find_key(body, "preconditions")) {
    request.uid = codec::string_or(*preconditions, "uid", "");
    request.resource_version = codec::string_or(*preconditions, "resourceVersion", "");
  }
  const Json* grace = codec::find_key(body, "gracePeriodSeconds");
  if (grace != nullptr && grace->is_number_integer()) {
    request.grace_seconds = grace->get<std::int64_t>();
  } else if (const auto seconds = parse_uint(grace_seconds)) {
    request.grace_seconds = static_cast<std::int64_t>(*seconds);
  }
  return request;
}

Result<Written> prepare_delete(const Resource& resource, const Json& live,
                               const DeletionRequest& request, const std::string& now) {
  const Json& metadata = live["metadata"];
  const std::string uid = codec::string_or(metadata, "uid", "");
  const std::string version = codec::string_or(metadata, "resourceVersion", "");
  const auto refuse = [&](std::string_view what, std::string_view wanted, std::string_view have) {
    return fail(conflict(resource.group, resource.kind, name_of(live),
                         fmt::format("the {0} in the precondition ({1}) does not match the {0} in "
                                     "record ({2}). The object might have been {3}",
                                     what, wanted, have,
                                     what == "UID" ? "deleted and then recreated" : "modified")));
  };
  if (!request.uid.empty() && request.uid != uid) return refuse("UID", request.uid, uid);
  if (!request.resource_version.empty() && request.resource_version != version) {
    return refuse("ResourceVersion", request.resource_version, version);
  }
  Written written{.object = live};
  Json& meta = metadata_of(written.object);
  const char* finalizer = request.propagation == Propagation::kForeground ? "foregroundDeletion"
                          : request.propagation == Propagation::kOrphan   ? "orphan"
                                                                          : nullptr;
  if (finalizer != nullptr) {
    if (!meta.contains("finalizers")) meta["finalizers"] = Json::array();
    if (std::ranges::count(meta["finalizers"], Json(finalizer)) == 0) {
      meta["finalizers"].push_back(finalizer);
    }
  }
  if (!is_held(written.object)) {
    written.finished = true;
    return written;
  }
  if (!meta.contains("deletionTimestamp")) {
    meta["deletionTimestamp"] = now;
    meta["deletionGracePeriodSeconds"] = 0;
    if (resource.has_generation && meta.contains("generation")) {
      meta["generation"] = meta["generation"].get<std::int64_t>() + 1;
    }
    if (resource.kind == "Namespace" && resource.group.empty()) {
      written.object["status"]["phase"] = "Terminating";
    }
  }
  written.unchanged = codec::same_json(live, written.object);
  return written;
}

}  // namespace rage::kubeobjects
