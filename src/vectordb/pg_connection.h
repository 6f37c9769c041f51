// PostgreSQL over libpq (https://www.postgresql.org/docs/current/libpq.html): statements with
// parameters, transactions, one connection that is made anew when it broke.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/error.h"
#include "vectordb/pg_sql.h"

struct pg_conn;
struct pg_result;

namespace rage::vectordb {

// Resource. Rows and columns count from 0.
class PgRows final {
 public:
  explicit PgRows(pg_result* result) : result_(result) {}
  ~PgRows();
  PgRows(PgRows&& other) noexcept : result_(other.result_) { other.result_ = nullptr; }
  PgRows& operator=(PgRows&&) = delete;

  std::size_t size() const;
  std::string_view text(std::size_t row, int column) const;  // Empty if null.
  double number(std::size_t row, int column) const;
  std::size_t affected() const;  // By INSERT, UPDATE or DELETE.

 private:
  pg_result* result_;
};

// Resource. One thread at a time.
class PgConnection final {
 public:
  // `address` as libpq takes it: "postgresql://user@host/db" or "host=... dbname=...".
  PgConnection(std::string address, std::string password);
  ~PgConnection();
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  // kUnavailable: no connection; kDeadlineExceeded; kNotFound: a table that is not there;
  // kInternal otherwise, with the server's sentence in `detail`.
  Result<PgRows> run(const Context& context, const Sql& sql);
  Result<PgRows> run(const Context& context, std::string_view text);

 private:
  Result<void> connect();
  Result<void> limit_time(const Context& context);
  Result<PgRows> send(const Sql& sql);

  const std::string address_;
  const std::string password_;
  pg_conn* connection_ = nullptr;
  bool in_transaction_ = false;

  friend class PgTransaction;
};

// Resource. Rolls back unless committed.
class PgTransaction final {
 public:
  static Result<std::unique_ptr<PgTransaction>> begin(const Context& context,
                                                      PgConnection& connection);
  ~PgTransaction();
  PgTransaction(const PgTransaction&) = delete;
  PgTransaction& operator=(const PgTransaction&) = delete;
  Result<void> commit();

 private:
  explicit PgTransaction(PgConnection& connection) : connection_(connection) {}
  PgConnection& connection_;
  bool open_ = true;
};

}  // namespace rage::vectordb
