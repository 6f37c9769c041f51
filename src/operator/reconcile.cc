#include "operator/reconcile.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "operator/json_compare.h"

namespace rage::op {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

void remember(const Hands& hands, const ResourceType& type, Json written) {
  for (kube::Informer* informer : hands.informers) {
    if (informer->type() == type) informer->remember(std::move(written));
    if (informer->type() == type) return;
  }
}

const ResourceType& type_of(const Change& change) {
  return std::visit([](const auto& any) -> const ResourceType& { return any.type; }, change);
}

Result<void> apply_change(const Context& context, const Hands& hands, const Change& change) {
  ASSIGN_OR_RETURN(Json written, write_change(context, hands.client, change));
  if (!written.is_null()) remember(hands, type_of(change), std::move(written));
  return {};
}

std::string describe(const Change& change) {
  return std::visit(Overloaded{
                        [](const ApplyObject& apply) {
                          return "applying " + apply.type.kind + " " +
                                 apis::parse_meta(apply.object).key().str();
                        },
                        [](const CreateObject& create) {
                          return "creating " + create.type.kind + " " +
                                 apis::parse_meta(create.object).key().str();
                        },
                        [](const DeleteObject& remove) {
                          return "deleting " + remove.type.kind + " " + remove.key.str();
                        },
                        [](const PatchObject& patch) {
                          return "patching " + patch.type.kind + " " + patch.key.str();
                        },
                    },
                    change);
}

Result<void> write_status(const Context& context, const Hands& hands, const ResourceType& type,
                          const Json& document, const Json& status) {
  const Json* before = codec::find_key(document, "status");
  const Json difference = merge_patch_of(before != nullptr ? *before : Json(), status);
  if (difference.empty()) return {};
  auto written = hands.client.patch(context, type, apis::parse_meta(document).key(),
                                    kube::PatchType::kMerge, {{"status", difference}}, "status");
  if (written) {
    remember(hands, type, *std::move(written));
  } else if (written.error().code != ErrorCode::kNotFound) {  // Gone meanwhile: nobody looks.
    return fail(std::move(written).error().with_context("writing the status"));
  }
  return {};
}

// A JSON patch with a test, so that a finalizer somebody else added meanwhile is not lost.
Result<void> drop_finalizer(const Context& context, const Hands& hands, const ResourceType& type,
                            const ObjectMeta& meta, std::string_view finalizer) {
  const auto found = std::ranges::find(meta.finalizers, finalizer);
  if (found == meta.finalizers.end()) return {};
  const std::string path =
      "/metadata/finalizers/" + std::to_string(found - meta.finalizers.begin());
  const Json patch = Json::array(
      {{{"op", "test"}, {"path", path}, {"value", finalizer}}, {{"op", "remove"}, {"path", path}}});
  auto written = hands.client.patch(context, type, meta.key(), kube::PatchType::kJson, patch);
  if (!written && written.error().code != ErrorCode::kNotFound) {
    return fail(std::move(written).error().with_context("removing the finalizer"));
  }
  return {};
}

Result<Json> try_change(const Context& context, kube::KubeClient& client, const Change& change) {
  return std::visit(
      Overloaded{
          [&](const ApplyObject& apply) { return client.apply(context, apply.type, apply.object); },
          [&](const CreateObject& create) -> Result<Json> {
            auto written = client.create(context, create.type, create.object);
            if (!written && written.error().code == ErrorCode::kAlreadyExists) return Json();
            return written;
          },
          [&](const DeleteObject& remove) -> Result<Json> {
            RETURN_IF_ERROR(client.remove(context, remove.type, remove.key,
                                          {.propagation = remove.propagation, .uid = remove.uid}));
            return Json();
          },
          [&](const PatchObject& patch) {
            return client.patch(context, patch.type, patch.key, kube::PatchType::kMerge,
                                patch.patch);
          },
      },
      change);
}

}  // namespace

Result<Json> write_change(const Context& context, kube::KubeClient& client, const Change& change) {
  auto written = try_change(context, client, change);
  if (!written) return fail(std::move(written).error().with_context(describe(change)));
  return written;
}

void add_error(Json& status, const Error& error) {
  const auto conditions = status.find("conditions");
  if (conditions == status.end() || !conditions->is_array()) return;
  for (Json& condition : *conditions) {
    if (codec::string_or(condition, "status", "") == "True") continue;
    std::string message = codec::string_or(condition, "message", "");
    if (message.find(error.message) != std::string::npos) continue;
    condition["message"] = message + " (last reconcile error: " + error.message + ")";
  }
}

Result<kube::Outcome> carry_out(const Context& context, Hands& hands, const ResourceType& type,
                                const Json& document, std::string_view finalizer, Plan plan) {
  const ObjectMeta meta = apis::parse_meta(document);
  Result<void> applied;
  for (const Change& change : plan.changes) {
    applied = apply_change(context, hands, change);
    if (!applied) break;
  }
  for (const PlannedEvent& event : plan.events) {
    hands.events.record({.type = type, .key = meta.key(), .uid = meta.uid}, event.type,
                        event.reason, event.message);
  }
  if (plan.status.is_object()) {
    // A conflict mends itself with the next pass; nobody needs to read of it.
    if (!applied && !kube::is_conflict(applied.error())) add_error(plan.status, applied.error());
    RETURN_IF_ERROR(write_status(context, hands, type, document, plan.status));
  }
  RETURN_IF_ERROR(std::move(applied));
  if (plan.release) RETURN_IF_ERROR(drop_finalizer(context, hands, type, meta, finalizer));
  return kube::Outcome::after(plan.requeue_after);
}

}  // namespace rage::op
