#include "store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace rage::store {
namespace {

constexpr int kBusyTimeoutMs = 10'000;

ErrorCode code_of(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kDataLoss;
    // None of these is the fault of whoever asked, and all may pass: a full or read-only disk too.
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

std::string_view advice_for(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_FULL:
      return ". Nothing was stored: free some space on the disk";
    case SQLITE_READONLY:
      return ". Nothing was stored: the files, or their disk, are read-only";
    case SQLITE_IOERR:
      return ". Nothing was stored: look at the disk";
    case SQLITE_CORRUPT:
      return ". The file is damaged: restore it from a backup";
    default:
      return "";
  }
}

std::unexpected<Error> fail_sqlite(sqlite3* handle, std::string_view what) {
  const int code = sqlite3_extended_errcode(handle);
  return fail(code_of(code), "{}: {}{}", what, sqlite3_errmsg(handle), advice_for(code));
}

}  // namespace

Result<void> sync_path(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!synced) return fail(ErrorCode::kUnavailable, "cannot sync {}", path.string());
  return {};
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::bind(int parameter, std::int64_t value) {
  CHECK(sqlite3_bind_int64(statement_, parameter, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL; an empty string is a value.
  const char* bytes = text.empty() ? "" : text.data();
  CHECK(sqlite3_bind_text64(statement_, parameter, bytes, text.size(), SQLITE_STATIC,
                            SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_blob(int parameter, std::span<const std::byte> bytes) {
  CHECK(sqlite3_bind_blob64(statement_, parameter, bytes.data(), bytes.size(), SQLITE_STATIC) ==
        SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  auto failure = fail_sqlite(sqlite3_db_handle(statement_), "database");
  sqlite3_reset(statement_);
  return failure;
}

Result<void> Statement::run() {
  while (true) {
    ASSIGN_OR_RETURN(const bool row, step());
    if (!row) return {};
  }
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}

std::span<const std::byte> Statement::blob(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? std::span<const std::byte>() : std::span(bytes, size);
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Database> database(new Database(handle));  // Closes the handle on failure, too.
  if (code != SQLITE_OK) return fail_sqlite(handle, path.string());
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  const Result<void> configured = database->execute(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
      "PRAGMA cache_size=-2000;");
  if (!configured) return fail(Error(configured.error()).with_context(path.string()));
  return database;
}

Database::~Database() {
  sqlite3_close_v2(handle_);
}

Result<void> Database::copy_to(const std::filesystem::path& path) {
  const std::string temporary = path.string() + "." + random_uuid();
  const auto write = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(auto vacuum, prepare("VACUUM INTO ?1"));
    RETURN_IF_ERROR(vacuum.bind(1, temporary).run());
    RETURN_IF_ERROR(sync_path(temporary));
    std::error_code error;
    std::filesystem::rename(temporary, path, error);
    if (error) {
      return fail(ErrorCode::kUnavailable, "cannot write {}: {}", path.string(), error.message());
    }
    return sync_path(path.parent_path().empty() ? "." : path.parent_path());
  };
  Result<void> written = write();
  std::error_code ignored;
  if (!written) std::filesystem::remove(temporary, ignored);
  return written;
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return fail_sqlite(handle_, "database");
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK) {
    return fail_sqlite(handle_, "database");
  }
  return Statement(statement);
}

std::int64_t Database::last_insert_row() const {
  return sqlite3_last_insert_rowid(handle_);
}
std::int64_t Database::changes() const {
  return sqlite3_changes64(handle_);
}

Result<std::unique_ptr<Transaction>> Transaction::begin(Database& database) {
  RETURN_IF_ERROR(database.execute("BEGIN IMMEDIATE"));
  return std::unique_ptr<Transaction>(new Transaction(database));
}

Transaction::~Transaction() {
  if (open_) (void)database_.execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  RETURN_IF_ERROR(database_.execute("COMMIT"));
  open_ = false;
  return {};
}

}  // namespace rage::store
