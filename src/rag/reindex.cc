// Embedding an index anew while it serves.
#include <algorithm>

#include "rag/directory_home.h"
#include "rag/reindex_staging.h"

namespace rage::rag {
namespace {

constexpr std::string_view kStagingFile = "reindex.db";
constexpr std::size_t kDocumentsOfAPage = 32;
// Each pass does what was written during the one before: they get shorter. What is left after the
// last one is done while writers wait.
constexpr int kPassesMax = 4;

struct Page {
  std::vector<std::string> doc_ids;
  std::vector<Document> documents;
  std::vector<std::string> digests;
  std::string last = {};  // Of all that were read.
  std::size_t read = 0;
  std::size_t staged = 0;  // Of these, what is staged already.
};

Result<std::size_t> count_documents(store::Database& source) {
  ASSIGN_OR_RETURN(auto select, source.prepare("SELECT count(*) FROM documents"));
  RETURN_IF_ERROR(select.step());
  return static_cast<std::size_t>(select.integer(0));
}

// The next documents after `last`, of which those that are not staged are kept. Short reads: one
// long one would keep SQLite from tidying up its log under writers.
Result<Page> read_page(store::Database& source, const ReindexStaging& staging,
                       const std::string& last, bool first) {
  ASSIGN_OR_RETURN(auto select,
                   source.prepare("SELECT doc_id, text, metadata FROM documents"
                                  " WHERE ?1 OR doc_id > ?2 ORDER BY doc_id LIMIT ?3"));
  select.bind(1, std::int64_t{first ? 1 : 0}).bind(2, last);
  select.bind(3, static_cast<std::int64_t>(kDocumentsOfAPage));
  Page page;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, select.step());
    if (!more) return page;
    ++page.read;
    page.last = select.text(0);
    std::string digest = reindex_digest(select.text(1), select.text(2));
    if (staging.has(page.last, digest)) {
      ++page.staged;
      continue;
    }
    auto metadata = codec::parse_json(select.text(2));
    if (!metadata) return fail(ErrorCode::kDataLoss, "stored metadata is damaged");
    page.doc_ids.push_back(page.last);
    page.digests.push_back(std::move(digest));
    page.documents.push_back(
        {.text = std::string(select.text(1)), .metadata = *std::move(metadata)});
  }
}

Result<std::string> stored_embedder(store::Database& source) {
  ASSIGN_OR_RETURN(auto select, source.prepare("SELECT value FROM meta WHERE key = 'embedder'"));
  ASSIGN_OR_RETURN(const bool found, select.step());
  if (!found) return fail(ErrorCode::kDataLoss, "the index's file lacks its 'embedder'");
  return std::string(select.text(0));
}

// True if anything had to be embedded: then it is worth looking again.
Result<bool> stage_missing(const Context& context, store::Database& source, ReindexStaging& staging,
                           const ReindexOrder& order) {
  ASSIGN_OR_RETURN(const std::size_t total, count_documents(source));
  bool any = false;
  std::string last;
  std::size_t done = 0;
  for (bool first = true;; first = false) {
    RETURN_IF_ERROR(context.check());
    ASSIGN_OR_RETURN(Page page, read_page(source, staging, last, first));
    if (page.read == 0) return any;
    last = page.last;
    done += page.read;
    if (page.documents.empty()) continue;
    any = true;
    ASSIGN_OR_RETURN(const auto prepared,
                     order.prepare(context, std::move(page.documents), page.doc_ids));
    RETURN_IF_ERROR(staging.put(prepared, page.digests));
    if (order.progress && !order.progress({.done = std::min(done, total), .total = total})) {
      return fail(ErrorCode::kCancelled, "the caller gave up");
    }
  }
}

}  // namespace

Result<ReindexOutcome> DirectoryHome::reindex(const Context& context, std::string_view name,
                                              const ReindexOrder& order) {
  {
    MutexLock lock(mutex_);
    if (!entries_.contains(name)) return no_such_index(name);
    if (!reindexing_.insert(std::string(name)).second) {
      return fail(ErrorCode::kAlreadyExists, "index '{}' is being embedded anew already", name);
    }
  }
  auto outcome = reindex_marked(context, name, order);
  MutexLock lock(mutex_);
  reindexing_.erase(reindexing_.find(name));
  return outcome;
}

// remove() leaves the index alone meanwhile, so its folder stays where it is.
Result<ReindexOutcome> DirectoryHome::reindex_marked(const Context& context, std::string_view name,
                                                     const ReindexOrder& order) {
  const std::filesystem::path folder = root_ / folder_of_index(name);
  const std::filesystem::path staging_file = folder / kStagingFile;
  const EmbedderIdentity& embedder = embedders_.front();
  const Entry entry = find_entry(name);
  ASSIGN_OR_RETURN(const auto source, store::Database::open(folder / "collection.db"));
  ReindexOutcome outcome{.from = {}, .to = embedder.id};
  ASSIGN_OR_RETURN(outcome.from, stored_embedder(*source));
  if (order.if_needed && entry && (*entry)->embedder().id == embedder.id) return outcome;
  {
    ASSIGN_OR_RETURN(const auto staging, ReindexStaging::open(staging_file, embedder));
    std::shared_ptr<const Snapshot> seen;
    bool staged = true;
    for (int pass = 1; staged && pass <= kPassesMax; ++pass) {
      seen = entry ? (*entry)->snapshot() : nullptr;
      ASSIGN_OR_RETURN(staged, stage_missing(context, *source, *staging, order));
    }
    const auto finish = [&]() -> Result<void> {
      RETURN_IF_ERROR(
          stage_missing(context, *source, *staging, {.prepare = order.prepare, .progress = {}}));
      return {};
    };
    RETURN_IF_ERROR(entry ? (*entry)->hand_over(staging_file, embedder, seen, finish)
                          : take_staged_chunks(*source, staging_file, embedder));
  }
  ASSIGN_OR_RETURN(outcome.documents, count_documents(*source));
  outcome.done = true;
  Entry opened = SqliteCollection::open(folder, name, embedder);
  remove_staging(staging_file);
  MutexLock lock(mutex_);
  entries_.insert_or_assign(std::string(name), opened);
  replaced_.notify_all();
  if (!opened) return fail(opened.error());
  return outcome;
}

Result<void> DirectoryHome::await_successor(const Context& context, const Collection& retired) {
  MutexLock lock(mutex_);
  while (true) {
    const auto found = entries_.find(retired.name());
    const bool same = found != entries_.end() && found->second && found->second->get() == &retired;
    if (!same) return {};
    RETURN_IF_ERROR(context.check());
    replaced_.wait_for(mutex_, std::chrono::milliseconds(100));
  }
}

}  // namespace rage::rag
