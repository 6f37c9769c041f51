#include "operator/revision.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "base/sha256.h"

namespace rage::op {
namespace {

constexpr std::size_t kHistoryMax = 10;
constexpr std::size_t kNameDigits = 5;

std::int64_t revision_number(const Json& revision) {
  const Json* number = codec::find_key(revision, "revision");
  return number != nullptr && number->is_number_integer() ? number->get<std::int64_t>() : 0;
}

std::string revision_name(const std::string& owner, const std::string& hash,
                          const std::vector<ObjectMeta>& metas) {
  for (std::size_t digits = kNameDigits; digits < hash.size(); ++digits) {
    std::string name = owner + "-" + hash.substr(0, digits);
    const bool taken = std::ranges::any_of(metas, [&](const auto& m) { return m.name == name; });
    if (!taken) return name;
  }
  return owner + "-" + hash;
}

Json render_revision(const RevisionNames& names, const ResourceType& owner_type,
                     const ObjectMeta& owner, const Revision& revision, std::string name,
                     const Json& data) {
  Json object = object_of(apis::builtin_type("ControllerRevision"),
                          {.ns = owner.ns, .name = std::move(name)});
  object["metadata"]["labels"] = {{names.label, owner.name}};
  object["metadata"]["annotations"] = {{names.hash_annotation, revision.hash}};
  set_owner(object, owner_type, owner);
  object["data"] = data;
  object["revision"] = revision.number;
  return object;
}

// The original drops one revision a time, the oldest, once more than ten were there.
void drop_oldest(std::vector<Change>& changes, const std::vector<Json>& existing,
                 const std::vector<ObjectMeta>& metas) {
  if (existing.size() <= kHistoryMax) return;
  const auto oldest = std::ranges::min_element(existing, {}, revision_number);
  const auto& meta = metas[static_cast<std::size_t>(oldest - existing.begin())];
  changes.emplace_back(DeleteObject{
      .type = apis::builtin_type("ControllerRevision"), .key = meta.key(), .uid = meta.uid});
}

}  // namespace

RevisionNames revision_names(std::string_view kind) {
  const std::string domain = std::string(kind) + ".kaito.io/";
  return {.label = domain + "name",
          .hash_annotation = domain + "hash",
          .revision_annotation = domain + "revision"};
}

Revision plan_revision(std::string_view kind, const ResourceType& owner_type,
                       const ObjectMeta& owner, std::string_view input, const Json& data,
                       const std::vector<Json>& existing) {
  const RevisionNames names = revision_names(kind);
  Revision revision{.number = 0, .hash = sha256_hex(input), .changes = {}};
  std::vector<ObjectMeta> metas;
  std::int64_t last = 0;
  for (const Json& document : existing) {
    metas.push_back(apis::parse_meta(document));
    last = std::max(last, revision_number(document));
    if (metas.back().annotation(names.hash_annotation) == revision.hash) {
      revision.number = revision_number(document);
    }
  }
  if (revision.number == 0) {
    revision.number = last + 1;
    revision.changes.emplace_back(
        CreateObject{apis::builtin_type("ControllerRevision"),
                     render_revision(names, owner_type, owner, revision,
                                     revision_name(owner.name, revision.hash, metas), data)});
    drop_oldest(revision.changes, existing, metas);
  }
  const std::string number = std::to_string(revision.number);
  if (owner.annotation(names.hash_annotation) != revision.hash ||
      owner.annotation(names.revision_annotation) != number) {
    Json patch;
    patch["metadata"]["annotations"] = {{names.hash_annotation, revision.hash},
                                        {names.revision_annotation, number}};
    revision.changes.emplace_back(PatchObject{owner_type, owner.key(), std::move(patch)});
  }
  return revision;
}

}  // namespace rage::op
