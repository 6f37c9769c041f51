#include "vectordb/pg_connection.h"

#include <libpq-fe.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "base/strings.h"
#include "obs/log.h"

namespace rage::vectordb {
namespace {

constexpr std::chrono::milliseconds kStatementMost{60'000};
constexpr std::chrono::milliseconds kWaitMost{10'000};  // For a free connection.
constexpr std::chrono::milliseconds kTryAgainAfter{1'000};
constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kQueryCancelled = "57014";  // By statement_timeout.
// Classes 08 (connection), 53 (resources), 57P (the server goes or comes) pass; so do deadlocks.
constexpr std::string_view kPassing[] = {"08", "53", "57P", "40"};

std::unexpected<Error> unavailable(const char* why) {
  return fail(Error{.code = ErrorCode::kUnavailable,
                    .message = "the vector database does not answer: try again",
                    .detail = why,
                    .retry_after = kTryAgainAfter});
}

std::unexpected<Error> error_of(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view code = state == nullptr ? std::string_view() : state;
  const std::string detail = PQresultErrorMessage(result);
  if (code == kUndefinedTable) {
    return fail(Error{.code = ErrorCode::kNotFound, .message = "no such index", .detail = detail});
  }
  if (code == kQueryCancelled) {
    return fail(Error{.code = ErrorCode::kDeadlineExceeded,
                      .message = "the database took too long",
                      .detail = detail});
  }
  for (const std::string_view passing : kPassing) {
    if (code.starts_with(passing)) return unavailable(detail.c_str());
  }
  obs::log().error("PostgreSQL refused a statement", {{"state", code}, {"error", detail}});
  return fail(Error{.code = ErrorCode::kInternal,
                    .message = "the database refused a statement",
                    .detail = detail});
}

}  // namespace

PgRows::~PgRows() {
  PQclear(result_);
}

std::size_t PgRows::size() const {
  return static_cast<std::size_t>(PQntuples(result_));
}

std::string_view PgRows::text(std::size_t row, int column) const {
  const int number = static_cast<int>(row);
  return {PQgetvalue(result_, number, column),
          static_cast<std::size_t>(PQgetlength(result_, number, column))};
}

double PgRows::number(std::size_t row, int column) const {
  return std::strtod(PQgetvalue(result_, static_cast<int>(row), column), nullptr);
}

std::size_t PgRows::affected() const {
  return parse_uint(PQcmdTuples(result_)).value_or(0);
}

PgConnection::PgConnection(std::string address, std::string password)
    : address_(std::move(address)), password_(std::move(password)) {}

PgConnection::~PgConnection() {
  PQfinish(connection_);
}

Result<void> PgConnection::connect() {
  if (connection_ != nullptr && PQstatus(connection_) == CONNECTION_OK) return {};
  PQfinish(connection_);
  // A server that vanished without a word is noticed by TCP within half a minute.
  std::vector<const char*> keys = {"dbname", "connect_timeout", "application_name",
                                   "keepalives_idle", "tcp_user_timeout"};
  std::vector<const char*> values = {address_.c_str(), "10", "rage", "10", "30000"};
  if (!password_.empty()) {
    keys.push_back("password");
    values.push_back(password_.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  connection_ = PQconnectdbParams(keys.data(), values.data(), 1);
  in_transaction_ = false;
  if (PQstatus(connection_) != CONNECTION_OK) return unavailable(PQerrorMessage(connection_));
  PQsetNoticeProcessor(connection_, [](void*, const char*) {}, nullptr);
  return {};
}

Result<PgRows> PgConnection::send(const Sql& sql) {
  std::vector<const char*> values;
  for (const std::string& value : sql.parameters) {
    // libpq takes text that ends at a zero byte, and PostgreSQL has no such character.
    if (value.find('\0') != std::string::npos) {
      return fail(ErrorCode::kInvalidArgument, "PostgreSQL stores no text with a zero byte");
    }
    values.push_back(value.c_str());
  }
  PGresult* result = PQexecParams(connection_, sql.text.c_str(), static_cast<int>(values.size()),
                                  nullptr, values.data(), nullptr, nullptr, 0);
  PgRows rows(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return rows;
  if (PQstatus(connection_) != CONNECTION_OK) return unavailable(PQerrorMessage(connection_));
  return error_of(result);
}

Result<void> PgConnection::limit_time(const Context& context) {
  RETURN_IF_ERROR(context.check());
  Sql limit{.text = "SELECT set_config('statement_timeout', $1, false)", .parameters = {}};
  limit.parameters.push_back(std::to_string(context.remaining(kStatementMost).count() + 1));
  RETURN_IF_ERROR(send(limit));
  return {};
}

Result<PgRows> PgConnection::run(const Context& context, const Sql& sql) {
  // A transaction that lost its connection is over: going on would lose its first half.
  if (in_transaction_) {
    RETURN_IF_ERROR(limit_time(context));
    return send(sql);
  }
  RETURN_IF_ERROR(connect());
  Result<void> limited = limit_time(context);
  if (!limited && PQstatus(connection_) != CONNECTION_OK) {
    RETURN_IF_ERROR(connect());  // It broke while nobody used it, and nothing was begun.
    limited = limit_time(context);
  }
  RETURN_IF_ERROR(limited);
  return send(sql);
}

Result<PgRows> PgConnection::run(const Context& context, std::string_view text) {
  return run(context, Sql{.text = std::string(text)});
}

Result<std::unique_ptr<PgTransaction>> PgTransaction::begin(const Context& context,
                                                            PgConnection& connection) {
  RETURN_IF_ERROR(connection.run(context, "BEGIN"));
  connection.in_transaction_ = true;
  return std::unique_ptr<PgTransaction>(new PgTransaction(connection));
}

PgTransaction::~PgTransaction() {
  if (!open_) return;
  const auto ignored = connection_.send({.text = "ROLLBACK"});
  connection_.in_transaction_ = false;
}

Result<void> PgTransaction::commit() {
  const auto done = connection_.send({.text = "COMMIT"});
  open_ = false;
  connection_.in_transaction_ = false;
  if (!done) return fail(done.error());
  return {};
}

PgPool::Lease::~Lease() {
  if (connection_ == nullptr) return;
  {
    MutexLock lock(pool_->mutex_);
    --pool_->taken_;
    pool_->idle_.push_back(std::move(connection_));
  }
  pool_->freed_.notify_one();
}

Result<PgPool::Lease> PgPool::take(const Context& context) {
  RETURN_IF_ERROR(context.check());
  const SteadyTime until = std::chrono::steady_clock::now() + context.remaining(kWaitMost);
  MutexLock lock(mutex_);
  while (idle_.empty() && taken_ >= max_) {
    if (freed_.wait_until(mutex_, until) == std::cv_status::timeout) {
      RETURN_IF_ERROR(context.check());
      return unavailable("all connections are in use");
    }
  }
  ++taken_;
  if (idle_.empty()) return Lease(*this, std::make_unique<PgConnection>(address_, password_));
  Lease lease(*this, std::move(idle_.back()));
  idle_.pop_back();
  return lease;
}

}  // namespace rage::vectordb
