#include "assistant/sqlite_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/files.h"

namespace rage::assistant {
namespace {

using codec::Json;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS sessions(id TEXT PRIMARY KEY, title TEXT NOT NULL,"
    " created INTEGER NOT NULL, updated INTEGER NOT NULL, messages INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS sessions_by_time ON sessions(updated);"
    "CREATE TABLE IF NOT EXISTS messages(session TEXT NOT NULL, position INTEGER NOT NULL,"
    " record TEXT NOT NULL, extras TEXT NOT NULL, PRIMARY KEY(session, position)) WITHOUT ROWID";
constexpr const char* kColumns = "SELECT id, title, created, updated, messages FROM sessions ";

SessionInfo session_of(const store::Statement& row) {
  return {.id = std::string(row.text(0)),
          .title = std::string(row.text(1)),
          .created_ms = row.integer(2),
          .updated_ms = row.integer(3),
          .messages = row.integer(4)};
}

std::string first_title(std::span<const Message> messages) {
  const auto question = std::ranges::find(messages, kUser, &Message::role);
  return question == messages.end() ? std::string() : title_of(question->text);
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::filesystem::path& file,
                                                       Clock& clock, const StoreOptions& options) {
  if (file.has_parent_path()) RETURN_IF_ERROR(ensure_directory(file.parent_path()));
  ASSIGN_OR_RETURN(auto writer, store::Database::open(file));
  RETURN_IF_ERROR(writer->execute(kSchema));
  // A commit is in the log when it returns, and no crash of this process loses it; settle() syncs.
  RETURN_IF_ERROR(writer->execute("PRAGMA synchronous=NORMAL"));
  ASSIGN_OR_RETURN(auto reader, store::Database::open(file));
  return std::unique_ptr<SqliteStore>(
      new SqliteStore(file, std::move(writer), std::move(reader), clock, options));
}

std::int64_t SqliteStore::now_ms() const {
  const auto since = clock_.wall_now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

std::int64_t SqliteStore::oldest_ms() const {
  if (options_.ttl.count() <= 0) return 0;
  return now_ms() - std::chrono::milliseconds(options_.ttl).count();
}

Result<std::vector<Message>> SqliteStore::load(const Context&, const std::string& session,
                                               std::size_t messages_max) {
  MutexLock lock(reading_);
  ASSIGN_OR_RETURN(auto rows,
                   reader_->prepare("SELECT m.record, m.extras FROM messages m JOIN sessions s ON "
                                    "s.id = m.session WHERE m.session = ?1 AND s.updated >= ?2 "
                                    "ORDER BY m.position DESC LIMIT ?3"));
  rows.bind(1, session).bind(2, oldest_ms()).bind(3, static_cast<std::int64_t>(messages_max));
  std::vector<Message> messages;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.step());
    if (!more) break;
    auto message = parse_record(rows.text(0));
    if (!message) continue;
    if (auto extras = codec::parse_json(rows.text(1))) message->extras = *std::move(extras);
    messages.push_back(*std::move(message));
  }
  std::ranges::reverse(messages);
  return messages;
}

Result<void> SqliteStore::append(const Context&, const std::string& session,
                                 std::span<const Message> messages) {
  MutexLock lock(writing_);
  ASSIGN_OR_RETURN(const auto transaction, store::Transaction::begin(*writer_));
  RETURN_IF_ERROR(remove_expired());
  RETURN_IF_ERROR(write(session, messages));
  return transaction->commit();
}

// Whoever comes while nobody syncs does so for all who came before; who comes meanwhile waits for
// the next sync, which one of them does. Nobody who only writes waits for the disk.
Result<void> SqliteStore::settle(const Context&) {
  std::uint64_t covers = 0;
  bool log_is_new = false;
  {
    MutexLock lock(settling_);
    const std::uint64_t mine = ++asked_;
    while (somebody_syncs_ && done_ < mine) settled_.wait(settling_);
    if (broken_) return fail(*broken_);
    if (done_ >= mine) return {};
    somebody_syncs_ = true;
    covers = asked_;
    log_is_new = done_ == 0;
  }
  auto synced = store::sync_path(file_.string() + "-wal");
  if (synced && log_is_new) {
    synced = store::sync_path(file_.has_parent_path() ? file_.parent_path() : ".");
  }
  MutexLock lock(settling_);
  somebody_syncs_ = false;
  if (synced) {
    done_ = covers;
  } else {
    broken_ = synced.error();
  }
  settled_.notify_all();
  return synced;
}

Result<void> SqliteStore::write(const std::string& session, std::span<const Message> messages) {
  std::int64_t position = 0;
  const auto known = find_in(*writer_, session);
  if (known) {
    position = known->messages;
  } else if (known.error().code != ErrorCode::kNotFound) {
    return fail(known.error());
  }
  ASSIGN_OR_RETURN(auto write, writer_->prepare("INSERT INTO messages VALUES(?1, ?2, ?3, ?4)"));
  for (const Message& message : messages) {
    const std::string record = render_record(message);
    const std::string extras = codec::render_json(message.extras);
    write.bind(1, session).bind(2, position++).bind(3, record).bind(4, extras);
    RETURN_IF_ERROR(write.run());
  }
  ASSIGN_OR_RETURN(
      auto head, writer_->prepare("INSERT INTO sessions VALUES(?1, ?2, ?3, ?3, ?4) ON CONFLICT(id) "
                                  "DO UPDATE SET updated = excluded.updated, messages = "
                                  "excluded.messages, title = CASE title WHEN '' THEN "
                                  "excluded.title ELSE title END"));
  const std::string title = first_title(messages);
  head.bind(1, session).bind(2, title).bind(3, now_ms()).bind(4, position);
  return head.run();
}

Result<void> SqliteStore::remove_expired() {
  const std::int64_t oldest = oldest_ms();
  if (oldest == 0) return {};
  for (const char* sql :
       {"DELETE FROM messages WHERE session IN (SELECT id FROM sessions WHERE updated < ?1)",
        "DELETE FROM sessions WHERE updated < ?1"}) {
    ASSIGN_OR_RETURN(auto remove, writer_->prepare(sql));
    remove.bind(1, oldest);
    RETURN_IF_ERROR(remove.run());
  }
  return {};
}

Result<SessionList> SqliteStore::list(const Context&, std::size_t sessions_max) {
  MutexLock lock(reading_);
  ASSIGN_OR_RETURN(auto rows, reader_->prepare(std::string(kColumns) +
                                               "WHERE updated >= ?1 ORDER BY updated DESC, id "
                                               "LIMIT ?2"));
  rows.bind(1, oldest_ms()).bind(2, static_cast<std::int64_t>(sessions_max) + 1);
  SessionList list;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows.step());
    if (!more) break;
    list.sessions.push_back(session_of(rows));
  }
  list.truncated = list.sessions.size() > sessions_max;
  if (list.truncated) list.sessions.pop_back();
  return list;
}

Result<SessionInfo> SqliteStore::find(const Context&, const std::string& session) {
  MutexLock lock(reading_);
  return find_in(*reader_, session);
}

Result<SessionInfo> SqliteStore::find_in(store::Database& database,
                                         const std::string& session) const {
  ASSIGN_OR_RETURN(auto rows,
                   database.prepare(std::string(kColumns) + "WHERE id = ?1 AND updated >= ?2"));
  rows.bind(1, session).bind(2, oldest_ms());
  ASSIGN_OR_RETURN(const bool found, rows.step());
  if (!found) return fail(ErrorCode::kNotFound, "no such session");
  return session_of(rows);
}

Result<void> SqliteStore::rename(const Context& context, const std::string& session,
                                 const std::string& title) {
  {
    MutexLock lock(writing_);
    RETURN_IF_ERROR(find_in(*writer_, session));
    ASSIGN_OR_RETURN(auto rename, writer_->prepare("UPDATE sessions SET title = ?2 WHERE id = ?1"));
    rename.bind(1, session).bind(2, title);
    RETURN_IF_ERROR(rename.run());
  }
  return settle(context);
}

Result<void> SqliteStore::remove(const Context& context, const std::string& session) {
  RETURN_IF_ERROR(remove_unsettled(session));
  return settle(context);
}

Result<void> SqliteStore::remove_unsettled(const std::string& session) {
  MutexLock lock(writing_);
  RETURN_IF_ERROR(find_in(*writer_, session));
  ASSIGN_OR_RETURN(const auto transaction, store::Transaction::begin(*writer_));
  for (const char* sql :
       {"DELETE FROM messages WHERE session = ?1", "DELETE FROM sessions WHERE id = ?1"}) {
    ASSIGN_OR_RETURN(auto remove, writer_->prepare(sql));
    remove.bind(1, session);
    RETURN_IF_ERROR(remove.run());
  }
  return transaction->commit();
}

Result<void> SqliteStore::check(const Context&) {
  MutexLock lock(reading_);
  ASSIGN_OR_RETURN(auto any, reader_->prepare("SELECT 1 FROM sessions LIMIT 1"));
  ASSIGN_OR_RETURN([[maybe_unused]] const bool row, any.step());
  return {};
}

}  // namespace rage::assistant
