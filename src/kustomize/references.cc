#include <algorithm>

#include "kustomize/detail/item.h"
#include "kustomize/kustomize.h"

namespace rage::kustomize {
namespace {

// Who a name in `referrer` means: of those that were called so, the one that came the same way.
const Item* find_meant(const Items& items, const KindSelector& of, const std::string& name,
                       const std::string& ns, const Item& referrer) {
  const Item* found = nullptr;
  for (const Item& item : items) {
    if (!of.matches(item.object) || !item.was_called(name)) continue;
    if (!ns.empty() && !is_cluster_scoped(item.object) && ns != namespace_of(item.object) &&
        std::ranges::count(item.old_namespaces, ns) == 0) {
      continue;
    }
    if (found == nullptr || item.affixes == referrer.affixes) found = &item;
    if (item.affixes == referrer.affixes) break;
  }
  return found;
}

// A map with kind and name: a role, a subject, what is scaled.
void follow_object(const Items& items, const KindSelector& of, const Item& referrer, Json& value) {
  if (kind_of(value) != of.kind) return;
  const std::string name = codec::string_or(value, "name", "");
  const std::string ns = codec::string_or(value, "namespace", "");
  const Item* meant = find_meant(items, of, name, ns, referrer);
  if (meant == nullptr) return;
  value["name"] = name_of(meant->object);
  const std::string home = namespace_of(meant->object);
  if (!home.empty() && of.kind == "ServiceAccount") value["namespace"] = home;
}

void follow(const Items& items, const KindSelector& of, const Item& referrer, Json& value) {
  if (value.is_object()) {
    follow_object(items, of, referrer, value);
    return;
  }
  if (!value.is_string()) return;
  const Item* meant =
      find_meant(items, of, value.get<std::string>(), namespace_of(referrer.object), referrer);
  if (meant != nullptr) value = name_of(meant->object);
}

}  // namespace

void add_hashes(Items& items) {
  for (Item& item : items) {
    if (!item.hash_wanted) continue;
    item.remember();
    item.object["metadata"]["name"] = name_of(item.object) + "-" + content_hash(item.object);
  }
}

void fix_references(const FieldSpecs& specs, Items& items) {
  const Items before = items;  // Names are looked up as they were, whoever is visited first.
  for (Item& item : items) {
    for (const NameReference& reference : specs.names) {
      for (const FieldSpec& spec : reference.fields) {
        visit_fields(spec, item.object,
                     [&](Json& value) { follow(before, reference.of, item, value); });
      }
    }
  }
}

}  // namespace rage::kustomize
