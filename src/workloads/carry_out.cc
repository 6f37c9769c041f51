#include "workloads/carry_out.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "workloads/detail/json_at.h"

namespace rage::workloads {
namespace {

constexpr std::size_t kDeletedMax = 4096;

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

void remember(const Hands& hands, const ResourceType& type, Json written) {
  for (kube::Informer* informer : hands.informers) {
    if (informer->type() != type) continue;
    informer->remember(std::move(written));
    return;
  }
}

Result<void> create(const Context& context, const Hands& hands, const CreateObject& change) {
  auto written = hands.client.create(context, change.type, change.object);
  if (!written && written.error().code == ErrorCode::kAlreadyExists) return {};
  if (!written)
    return fail(std::move(written).error().with_context("creating " + change.type.kind));
  remember(hands, change.type, *std::move(written));
  return {};
}

Result<void> remove(const Context& context, const Hands& hands, const DeleteObject& change) {
  const auto removed = hands.client.remove(context, change.type, change.key, {.uid = change.uid});
  if (removed) {
    if (!change.uid.empty()) hands.deleted.add(change.uid);
    return {};
  }
  if (removed.error().code == ErrorCode::kNotFound || kube::is_conflict(removed.error())) return {};
  return fail(Error(removed.error())
                  .with_context(fmt::format("deleting {} {}", change.type.kind, change.key.str())));
}

Result<void> patch(const Context& context, const Hands& hands, const PatchObject& change) {
  auto written = hands.client.patch(context, change.type, change.key, kube::PatchType::kMerge,
                                    change.patch, change.subresource);
  if (!written && written.error().code == ErrorCode::kNotFound) return {};
  if (!written) {
    return fail(std::move(written).error().with_context(
        fmt::format("changing {} {}", change.type.kind, change.key.str())));
  }
  remember(hands, change.type, *std::move(written));
  return {};
}

// Nothing but a direct child of the volumes' folder.
Result<void> remove_folder(const Hands& hands, const RemoveFolder& change) {
  const std::filesystem::path path(change.path);
  const bool inside = !hands.volumes_folder.empty() &&
                      path.parent_path() == std::filesystem::path(hands.volumes_folder) &&
                      !path.filename().empty() && path.filename() != "." && path.filename() != "..";
  if (!inside) {
    return fail(ErrorCode::kInternal, "{} is not a folder of a volume here", change.path);
  }
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return fail(ErrorCode::kInternal, "removing {}: {}", change.path, error.message());
  return {};
}

Result<void> write_status(const Context& context, const Hands& hands, const ResourceType& type,
                          const Json& document, const Json& status) {
  const Json difference = merge_patch_of(detail::map_at(document, {"status"}), status);
  if (difference.empty()) return {};
  const ObjectMeta meta = apis::parse_meta(document);
  return patch(context, hands,
               {.type = type,
                .key = meta.key(),
                .patch = {{"metadata", {{"uid", meta.uid}}}, {"status", difference}},
                .subresource = "status"});
}

}  // namespace

void Deleted::add(const std::string& uid) {
  seen_.with([&](Seen& seen) {
    if (!seen.uids.insert(uid).second) return;
    seen.order.push_back(uid);
    if (seen.order.size() <= kDeletedMax) return;
    seen.uids.erase(seen.order.front());
    seen.order.pop_front();
  });
}

bool Deleted::contains(const std::string& uid) const {
  return seen_.with([&](const Seen& seen) { return seen.uids.contains(uid); });
}

Result<kube::Outcome> carry_out(const Context& context, const Hands& hands,
                                const ResourceType& type, const Json& document, const Plan& plan) {
  const ObjectMeta meta = apis::parse_meta(document);
  Result<void> done;
  for (const Change& change : plan.changes) {
    done = std::visit(Overloaded{
                          [&](const CreateObject& each) { return create(context, hands, each); },
                          [&](const DeleteObject& each) { return remove(context, hands, each); },
                          [&](const PatchObject& each) { return patch(context, hands, each); },
                          [&](const RemoveFolder& each) { return remove_folder(hands, each); },
                      },
                      change);
    if (!done) break;
  }
  for (const PlannedEvent& event : plan.events) {
    if (!done) break;  // It will be tried again and told then.
    hands.events.record({.type = type, .key = meta.key(), .uid = meta.uid}, event.type,
                        event.reason, event.message);
  }
  if (plan.status.is_object()) {
    RETURN_IF_ERROR(write_status(context, hands, type, document, plan.status));
  }
  RETURN_IF_ERROR(std::move(done));
  return kube::Outcome::after(plan.requeue_after);
}

}  // namespace rage::workloads
