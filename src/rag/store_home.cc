#include "rag/store_home.h"

#include <chrono>
#include <utility>

#include "obs/log.h"

namespace rage::rag {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kRemedy =
    "To embed it anew, persist it, delete it and load what was persisted";

Context limited() {
  return Context::with_timeout(30s);
}

}  // namespace

Result<std::unique_ptr<StoreHome>> StoreHome::open(vectordb::VectorStore& store,
                                                   std::vector<EmbedderIdentity> embedders) {
  std::unique_ptr<StoreHome> home(new StoreHome(store, std::move(embedders)));
  ASSIGN_OR_RETURN(const auto names, home->names());
  for (const std::string& name : names) {
    const auto found = home->find(name);
    if (!found) {
      obs::log().error("index not available", {{"index", name}, {"error", found.error().message}});
    }
  }
  return home;
}

void StoreHome::note(const Error* error) {
  const bool down = error != nullptr && error->code == ErrorCode::kUnavailable;
  const bool was = down_.with([&](bool& value) { return std::exchange(value, down); });
  if (down && !was) {
    obs::log().warn("vector store does not answer",
                    {{"error", error->message}, {"detail", error->detail}});
  } else if (was && !down) {
    obs::log().info("vector store answers again", {});
  }
}

Result<std::vector<std::string>> StoreHome::names() {
  auto names = store_.indexes(limited());
  note(names ? nullptr : &names.error());
  return names;
}

std::shared_ptr<StoreCollection> StoreHome::mirror_of(std::string_view name,
                                                      const vectordb::StoredIndex& index) {
  MutexLock lock(mutex_);
  auto& mirror = mirrors_[std::string(name)];
  if (mirror == nullptr || mirror->id() != index.id) {
    mirror = std::make_shared<StoreCollection>(store_, name, index);
  }
  return mirror;
}

Result<std::shared_ptr<Collection>> StoreHome::find(std::string_view name) {
  const auto index = store_.find_index(limited(), name);
  note(index ? nullptr : &index.error());
  if (!index && index.error().code == ErrorCode::kNotFound) {
    MutexLock lock(mutex_);
    mirrors_.erase(std::string(name));
    return no_such_index(name);
  }
  if (!index) return fail(index.error());
  RETURN_IF_ERROR(check_embedder(name, {.id = index->embedder, .dimension = index->dimension},
                                 identity_for(embedders_, index->embedder), kRemedy));
  const std::shared_ptr<StoreCollection> mirror = mirror_of(name, *index);
  RETURN_IF_ERROR(mirror->follow(*index));
  return std::shared_ptr<Collection>(mirror);
}

Result<std::shared_ptr<Collection>> StoreHome::find_or_create(std::string_view name) {
  auto found = find(name);
  if (found || found.error().code != ErrorCode::kNotFound) return found;
  const EmbedderIdentity& ours = embedders_.front();
  RETURN_IF_ERROR(store_.create_index(
      limited(), name, {.id = {}, .embedder = ours.id, .dimension = ours.dimension}));
  return find(name);
}

Result<void> StoreHome::remove(std::string_view name) {
  const Result<void> dropped = store_.drop_index(limited(), name);
  note(dropped ? nullptr : &dropped.error());
  if (!dropped && dropped.error().code == ErrorCode::kNotFound) return no_such_index(name);
  RETURN_IF_ERROR(dropped);
  MutexLock lock(mutex_);
  mirrors_.erase(std::string(name));
  return {};
}

Result<void> StoreHome::create_filled(std::string_view name, const Fill& fill) {
  const auto known = store_.find_index(limited(), name);
  if (known) return already_exists(name);
  if (known.error().code != ErrorCode::kNotFound) return fail(known.error());
  ASSIGN_OR_RETURN(const auto collection, find_or_create(name));
  const Result<void> filled = fill(*collection);
  if (filled) return {};
  [[maybe_unused]] const Result<void> dropped = remove(name);
  return fail(filled.error());
}

Result<ReindexOutcome> StoreHome::reindex([[maybe_unused]] const Context& context,
                                          std::string_view name, const ReindexOrder& order) {
  const auto index = store_.find_index(limited(), name);
  if (!index && index.error().code == ErrorCode::kNotFound) return no_such_index(name);
  if (!index) return fail(index.error());
  const EmbedderIdentity& ours = embedders_.front();
  if (order.if_needed && index->embedder == ours.id && index->dimension == ours.dimension) {
    return ReindexOutcome{.from = index->embedder, .to = ours.id};
  }
  return fail(ErrorCode::kUnimplemented,
              "index '{}' is in a database that other services may use, and cannot be embedded "
              "anew while it serves. {}",
              name, kRemedy);
}

// None of its collections is ever retired.
Result<void> StoreHome::await_successor([[maybe_unused]] const Context& context,
                                        [[maybe_unused]] const Collection& retired) {
  return {};
}

}  // namespace rage::rag
