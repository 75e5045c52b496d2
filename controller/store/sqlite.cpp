#include "controller/store/sqlite.hpp"

#include <cassert>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

namespace adit::store {

namespace {
/// Another process writes for milliseconds (a backup, a person's sqlite3): worth this much waiting.
constexpr int kBusyMs = 2000;
}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

void Statement::bind(int parameter, std::string_view text) {
  [[maybe_unused]] const int status =
      sqlite3_bind_text64(statement_.get(), parameter, text.data() == nullptr ? "" : text.data(),
                          text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  assert(status != SQLITE_MISUSE && status != SQLITE_RANGE);
}

void Statement::bind(int parameter, std::int64_t value) {
  [[maybe_unused]] const int status = sqlite3_bind_int64(statement_.get(), parameter, value);
  assert(status == SQLITE_OK);
}

Result<bool> Statement::step() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return fail(database_->last_error());
  }
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

void Database::Close::operator()(sqlite3* handle) const noexcept {
  sqlite3_close_v2(handle);
}

Result<std::unique_ptr<Database>> Database::open(std::string path) {
  std::unique_ptr<Database> database(new Database(std::move(path)));
  sqlite3* handle = nullptr;
  const int status = sqlite3_open_v2(database->path_.c_str(), &handle,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                         SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                                     nullptr);
  database->handle_.reset(handle);
  if (handle == nullptr) return fail_sys("open " + database->path_, ENOMEM);
  if (status != SQLITE_OK) return fail(database->last_error());
  sqlite3_busy_timeout(handle, kBusyMs);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* raw = nullptr;
  const int status =
      sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  Statement statement;
  statement.statement_.reset(raw);
  statement.database_ = this;
  if (status != SQLITE_OK) return fail(last_error());
  return statement;
}

Result<void> Database::execute(const std::string& sql) const {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return fail(last_error());
  }
  return {};
}

Result<std::int64_t> Database::query_integer(std::string_view sql) const {
  auto statement = prepare(sql);
  if (!statement) return fail(std::move(statement).error());
  auto row = statement->step();
  if (!row) return fail(std::move(row).error());
  return *row ? statement->integer(0) : 0;
}

bool Database::is_read_only() const {
  return sqlite3_db_readonly(handle_.get(), "main") == 1;
}

bool Database::is_in_transaction() const {
  return sqlite3_get_autocommit(handle_.get()) == 0;
}

void Database::set_checkpoint_on_close(bool on) const {
  sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on ? 0 : 1, nullptr);
}

Error Database::damaged(std::string_view what) const {
  return {
      Errc::System,
      fmt::format("{} is damaged ({}); stop adit-controller, move {} and its -wal file away, then "
                  "put a copy of them back or start empty and apply your files again",
                  path_, what, path_),
      0};
}

Error Database::last_error() const {
  sqlite3* handle = handle_.get();
  const char* text = sqlite3_errmsg(handle);
  const int cause = sqlite3_system_errno(handle);
  switch (sqlite3_errcode(handle) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return damaged(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Errc::Unavailable, fmt::format("{} is being written by another process", path_), 0};
    case SQLITE_FULL:
      return {Errc::System,
              fmt::format("the disk of {} is full; nothing was changed, free some space", path_),
              ENOSPC};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return {cause == ENOENT ? Errc::NotFound : Errc::Denied,
              fmt::format("{} cannot be written ({}); its file and folder must belong to the user "
                          "of adit-controller",
                          path_, text),
              cause};
    default:
      if (cause != 0) return sys_error(fmt::format("{}: {}", path_, text), cause);
      return {Errc::System, fmt::format("{}: {}", path_, text), 0};
  }
}

Result<Transaction> Transaction::begin(const Database& database) {
  if (auto begun = database.execute("BEGIN IMMEDIATE"); !begun) {
    return fail(std::move(begun).error());
  }
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // SQLite has already undone it after some errors (a full disk), not after others.
  if (database_ != nullptr && database_->is_in_transaction()) (void)database_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  return database_->execute("COMMIT");
}

}  // namespace adit::store
