#include "inspect/kinds.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "inspect/documents.h"

namespace rage::inspect {
namespace {

constexpr std::size_t kReplyBytesMax = std::size_t{256} << 20;
constexpr std::string_view kAccept =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
constexpr std::size_t kKindsNamedMax = 5;

std::vector<std::string> texts_at(const Json& object, Path path) {
  std::vector<std::string> texts;
  for (const Json& text : list_at(object, path)) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

bool is_listed(const Json& resource) {
  const std::vector<std::string> verbs = texts_at(resource, {"verbs"});
  return std::ranges::find(verbs, "list") != verbs.end() ||
         std::ranges::find(verbs, "get") != verbs.end();
}

KindInfo parse_kind(std::string_view group, std::string_view version, const Json& resource) {
  return {.type = {.group = std::string(group),
                   .version = std::string(version),
                   .kind = text_at(resource, {"responseKind", "kind"}),
                   .plural = text_at(resource, {"resource"}),
                   .namespaced = text_at(resource, {"scope"}) == "Namespaced"},
          .singular = text_at(resource, {"singularResource"}),
          .short_names = texts_at(resource, {"shortNames"}),
          .categories = texts_at(resource, {"categories"})};
}

bool is_called(const KindInfo& kind, std::string_view name) {
  const auto same = [name](std::string_view text) { return equals_ignoring_case(text, name); };
  return same(kind.type.plural) || same(kind.singular) || same(kind.type.kind) ||
         std::ranges::any_of(kind.short_names, same);
}

// "apps" or "v1.apps" of "deployments.v1.apps".
bool is_of(const KindInfo& kind, std::string_view group) {
  return equals_ignoring_case(kind.type.group, group) ||
         equals_ignoring_case(kind.type.version + "." + kind.type.group, group) ||
         equals_ignoring_case(kind.type.version, group);
}

}  // namespace

Result<void> Kinds::add(std::string_view discovery) {
  const auto list = codec::parse_json(discovery);
  if (!list || kind_of(*list) != "APIGroupDiscoveryList") {
    return fail(ErrorCode::kDataLoss,
                "the server's list of kinds is not understood; Kubernetes 1.27 or newer is needed");
  }
  for (const Json& group : list_at(*list, {"items"})) {
    const std::string name = text_at(group, {"metadata", "name"});
    for (const Json& version : list_at(group, {"versions"})) {
      for (const Json& resource : list_at(version, {"resources"})) {
        KindInfo kind = parse_kind(name, text_at(version, {"version"}), resource);
        if (kind.type.plural.empty() || kind.type.kind.empty() || !is_listed(resource)) continue;
        kinds_.push_back(std::move(kind));
      }
    }
  }
  return {};
}

Result<KindInfo> Kinds::find(std::string_view name) const {
  for (const KindInfo& kind : kinds_) {
    if (is_called(kind, name)) return kind;
  }
  const std::size_t dot = name.find('.');
  if (dot != std::string_view::npos) {
    for (const KindInfo& kind : kinds_) {
      if (is_called(kind, name.substr(0, dot)) && is_of(kind, name.substr(dot + 1))) return kind;
    }
  }
  std::vector<std::string> alike;
  const std::string start = to_lower_ascii(name.substr(0, 4));
  for (const KindInfo& kind : kinds_) {
    if (alike.size() < kKindsNamedMax && kind.type.plural.starts_with(start) &&
        std::ranges::find(alike, kind.type.plural) == alike.end()) {
      alike.push_back(kind.type.plural);
    }
  }
  return fail(ErrorCode::kNotFound, "the server doesn't have a resource type \"{}\"{}{}", name,
              alike.empty() ? "" : "; did you mean ", join(alike, ", "));
}

std::vector<KindInfo> Kinds::of_category(std::string_view name) const {
  std::vector<KindInfo> found;
  for (const KindInfo& kind : kinds_) {
    const auto same = [&](const KindInfo& other) {
      return other.type.group == kind.type.group && other.type.kind == kind.type.kind;
    };
    // Of several versions the first, which is the preferred one.
    if (std::ranges::find(kind.categories, name) != kind.categories.end() &&
        std::ranges::none_of(found, same)) {
      found.push_back(kind);
    }
  }
  return found;
}

Result<Kinds> discover(const Context& context, kube::KubeClient& client) {
  Kinds kinds;
  for (const std::string_view path : {"/api", "/apis"}) {
    auto reply = fetch(context, client, path, kAccept);
    if (!reply) return fail(std::move(reply).error().with_context("asking for kinds"));
    RETURN_IF_ERROR(kinds.add(*reply));
  }
  return kinds;
}

Result<std::string> fetch(const Context& context, kube::KubeClient& client, std::string_view path,
                          std::string_view accept) {
  std::string reply;
  RETURN_IF_ERROR(client.stream_raw(context, path, {.accept = std::string(accept)},
                                    [&](std::string_view bytes) {
                                      reply += bytes;
                                      return reply.size() <= kReplyBytesMax;
                                    }));
  if (reply.size() > kReplyBytesMax) {
    return fail(ErrorCode::kResourceExhausted, "the reply is larger than {} bytes", kReplyBytesMax);
  }
  return reply;
}

}  // namespace rage::inspect
