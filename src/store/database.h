// SQLite (https://www.sqlite.org/c3ref/intro.html) without exceptions: statements, transactions,
// and the settings that make an acknowledged commit survive a crash (WAL, synchronous=FULL).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace rage::store {

// Resource. One thread. Columns and parameters count as SQLite does: columns from 0, parameters
// from 1.
class Statement final {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;

  // The text and blob are borrowed until the next reset() or step() that ends the statement.
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind_blob(int parameter, std::span<const std::byte> bytes);

  // True: a row is ready. False: done, and the statement is reset for the next use.
  Result<bool> step();
  // For a statement without rows: steps to the end.
  Result<void> run();

  std::int64_t integer(int column) const;
  std::string_view text(int column) const;            // Valid until the next step().
  std::span<const std::byte> blob(int column) const;  // Likewise.

 private:
  sqlite3_stmt* statement_;
};

// Resource. One thread at a time: the owner serialises access.
class Database final {
 public:
  // Creates the file if absent. kUnavailable if another process has it locked for good,
  // kDataLoss if it is no database.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Writes a consistent copy of the committed state to `path`, synced, in place of what is there:
  // all or nothing. Other connections read and write on meanwhile.
  Result<void> copy_to(const std::filesystem::path& path);

  Result<void> execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);
  std::int64_t last_insert_row() const;
  std::int64_t changes() const;

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  sqlite3* handle_;
};

// Resource. One thread. Rolls back unless committed.
class Transaction final {
 public:
  static Result<std::unique_ptr<Transaction>> begin(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(database) {}
  Database& database_;
  bool open_ = true;
};

// What was written to a file, or which files are in a directory, is on the disk when it returns.
// kUnavailable: it may not be, and no later call tells.
Result<void> sync_path(const std::filesystem::path& path);

}  // namespace rage::store
