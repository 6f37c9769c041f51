// Documents into indexes: what is stored already is left out, the rest embedded and stored. An
// index may be handed over to another embedder in between; then it is done again.
#include <map>
#include <set>

#include "rag/collections.h"
#include "rag/hashes.h"

namespace rage::rag {

Result<std::vector<std::string>> Collections::add(const Context& context, std::string_view name,
                                                  std::vector<Document> documents) {
  while (true) {
    ASSIGN_OR_RETURN(auto ids, add_once(context, name, documents));
    if (ids) return *std::move(ids);
  }
}

Result<std::optional<std::vector<std::string>>> Collections::add_once(
    const Context& context, std::string_view name, const std::vector<Document>& documents) {
  std::vector<std::string> ids;
  for (const Document& document : documents) ids.push_back(document_id(document.text));
  if (documents.empty()) return ids;

  std::vector<Presence> presence(documents.size(), Presence::kAbsent);
  embed::Embedder* embedder = &embedder_;
  if (const auto existing = find(name)) {
    ASSIGN_OR_RETURN(presence, (*existing)->presence(ids, documents));
    embedder = &embedder_of(**existing);
  } else if (existing.error().code != ErrorCode::kNotFound) {
    return fail(existing.error());
  }
  std::vector<Document> wanted;
  std::set<std::string_view> seen;  // The same text twice in one call is stored once.
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const bool store =
        presence[i] == Presence::kAbsent || presence[i] == Presence::kMetadataChanged;
    if (store && seen.insert(ids[i]).second) wanted.push_back(documents[i]);
  }
  ASSIGN_OR_RETURN(const auto prepared,
                   prepare_documents(context, *embedder, options_, std::move(wanted)));
  ASSIGN_OR_RETURN(const auto collection, home_->find_or_create(name));
  if (&embedder_of(*collection) != embedder) return std::nullopt;
  const Result<void> added =
      metrics_.observe(StoreOperation::kInsert, [&] { return collection->add(prepared); });
  if (!added && collection->retired()) {
    RETURN_IF_ERROR(home_->await_successor(context, *collection));
    return std::nullopt;
  }
  RETURN_IF_ERROR(added);
  return ids;
}

Result<UpdateOutcome> Collections::update(const Context& context, std::string_view name,
                                          std::vector<DocumentUpdate> updates) {
  while (true) {
    ASSIGN_OR_RETURN(auto outcome, update_once(context, name, updates));
    if (outcome) return *std::move(outcome);
  }
}

Result<std::optional<UpdateOutcome>> Collections::update_once(
    const Context& context, std::string_view name, const std::vector<DocumentUpdate>& updates) {
  ASSIGN_OR_RETURN(const auto collection, find(name));
  std::vector<std::string> ids;
  std::vector<Document> documents;
  for (const DocumentUpdate& update : updates) {
    ids.push_back(update.doc_id);
    documents.push_back(update.document);
  }
  ASSIGN_OR_RETURN(const std::vector<Presence> presence, collection->presence(ids, documents));
  UpdateOutcome outcome;
  std::map<std::string_view, std::size_t>
      last_of;  // The last of several updates of one document wins.
  for (std::size_t i = 0; i < ids.size(); ++i) last_of[ids[i]] = i;
  std::vector<std::string> wanted_ids;
  std::vector<Document> wanted;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (presence[i] == Presence::kAbsent) {
      outcome.not_found.push_back(i);
    } else if (presence[i] == Presence::kSame) {
      outcome.unchanged.push_back(i);
    } else {
      outcome.updated.push_back(i);
      if (last_of[ids[i]] != i) continue;
      wanted_ids.push_back(ids[i]);
      wanted.push_back(std::move(documents[i]));
    }
  }
  ASSIGN_OR_RETURN(const auto prepared, prepare_documents(context, embedder_of(*collection),
                                                          options_, std::move(wanted), wanted_ids));
  const Result<void> replaced =
      metrics_.observe(StoreOperation::kInsert, [&] { return collection->replace(prepared); });
  if (!replaced && collection->retired()) {
    RETURN_IF_ERROR(home_->await_successor(context, *collection));
    return std::nullopt;
  }
  RETURN_IF_ERROR(replaced);
  return outcome;
}

Result<std::vector<bool>> Collections::remove_documents(const Context& context,
                                                        std::string_view name,
                                                        std::span<const std::string> doc_ids) {
  while (true) {
    ASSIGN_OR_RETURN(const auto collection, find(name));
    auto removed =
        metrics_.observe(StoreOperation::kDelete, [&] { return collection->remove(doc_ids); });
    if (removed || !collection->retired()) return removed;
    RETURN_IF_ERROR(home_->await_successor(context, *collection));
  }
}

}  // namespace rage::rag
