// PostgreSQL over libpq (https://www.postgresql.org/docs/current/libpq.html): statements with
// parameters, transactions, a few connections, each made anew when it broke.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
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

// Resource. Thread-safe. Holds connections that nobody uses, and makes others up to a limit.
class PgPool final {
 public:
  PgPool(std::string address, std::string password, std::size_t connections_max)
      : address_(std::move(address)), password_(std::move(password)), max_(connections_max) {}

  // One caller's, until it is destroyed; the pool outlives it.
  class Lease final {
   public:
    Lease(PgPool& pool, std::unique_ptr<PgConnection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    ~Lease();
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    PgConnection& operator*() { return *connection_; }
    PgConnection* operator->() { return connection_.get(); }

   private:
    PgPool* pool_;
    std::unique_ptr<PgConnection> connection_;  // None: moved from.
  };
  // Waits for one that is free. kUnavailable after kWaitMost, or the context's error.
  Result<Lease> take(const Context& context);

 private:
  const std::string address_;
  const std::string password_;
  const std::size_t max_;
  Mutex mutex_;
  CondVar freed_;
  std::size_t taken_ GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<PgConnection>> idle_ GUARDED_BY(mutex_);
};

}  // namespace rage::vectordb
