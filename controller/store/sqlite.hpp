// SQLite with owners and our errors: a Database that closes itself, Statements that finalise
// themselves, a Transaction that is undone unless committed. All of it belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace adit::store {

/// One prepared statement; parameters and columns count from 1 and 0 as SQLite's do. Lives no
/// longer than its Database.
class Statement {
 public:
  /// Text is copied.
  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::int64_t value);

  /// True: a row is there to be read; false: done.
  Result<bool> step();
  /// Makes it ready to run once more; the bound values stay.
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  /// A copy, empty for NULL.
  [[nodiscard]] std::string text(int column) const;

 private:
  friend class Database;

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  const class Database* database_ = nullptr;
};

class Database {
 public:
  /// Opens `path`, which must exist. Nothing of the file is read or changed yet.
  static Result<std::unique_ptr<Database>> open(std::string path);

  [[nodiscard]] Result<Statement> prepare(std::string_view sql) const;
  /// One or more statements without results.
  [[nodiscard]] Result<void> execute(const std::string& sql) const;
  /// The first column of the first row; 0 if there is no row.
  [[nodiscard]] Result<std::int64_t> query_integer(std::string_view sql) const;
  /// True if the file or its folder lets nothing be written.
  [[nodiscard]] bool is_read_only() const;
  [[nodiscard]] bool is_in_transaction() const;
  /// Off: closing leaves the file exactly as it is, also when the log of writes is not yet merged.
  void set_checkpoint_on_close(bool on) const;
  /// The last SQLite error as ours: what happened, and what to do where the reader can do
  /// something.
  [[nodiscard]] Error last_error() const;
  /// The error for content that cannot be, whoever noticed it.
  [[nodiscard]] Error damaged(std::string_view what) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const noexcept;
  };

  explicit Database(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// Holds the right to write from begin to commit; undone when it dies before.
class Transaction {
 public:
  static Result<Transaction> begin(const Database& database);
  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;

  /// Everything is on the disk when this returns; on an error nothing of it is.
  Result<void> commit();

 private:
  explicit Transaction(const Database& database) : database_(&database) {}

  const Database* database_;
};

}  // namespace adit::store
