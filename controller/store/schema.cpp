#include "controller/store/schema.hpp"

#include <fmt/format.h>

namespace adit::store {

namespace {

// The document is the truth; `resources` indexes the head's, with the revision that last changed
// each of them.
constexpr const char* kTables = R"sql(
CREATE TABLE revisions (
  number   INTEGER PRIMARY KEY CHECK (number > 0),
  owner    TEXT NOT NULL,
  uid      INTEGER NOT NULL,
  time     INTEGER NOT NULL,
  message  TEXT NOT NULL,
  summary  TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE TABLE resources (
  kind     TEXT NOT NULL,
  name     TEXT NOT NULL,
  owner    TEXT NOT NULL,
  revision INTEGER NOT NULL REFERENCES revisions (number),
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX resources_by_owner ON resources (owner, kind, name);
CREATE INDEX resources_by_revision ON resources (revision);
)sql";

/// A whole check of a larger file would delay every start; its pages are checked as they are read.
constexpr std::int64_t kCheckedBytes = std::int64_t{64} << 20;

/// The schema version of the file; 0 if it is new.
Result<std::int64_t> version_of(const Database& database, const std::string& path) {
  const auto version = database.query_integer("PRAGMA user_version");
  if (!version) return version;
  const auto application = database.query_integer("PRAGMA application_id");
  if (!application) return application;
  const auto tables = database.query_integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables;
  if (*application != kApplicationId && (*application != 0 || *version != 0 || *tables != 0)) {
    return fail(Errc::Conflict,
                fmt::format("{} is a database of another program; it was not touched", path));
  }
  if (*version > kSchemaVersion) {
    return fail(Errc::Conflict,
                fmt::format("{} was written by a newer adit-controller (schema {}, this one knows "
                            "{}); it was not touched: install the newer version again",
                            path, *version, kSchemaVersion));
  }
  return *version;
}

Result<void> check_soundness(const Database& database) {
  const auto pages = database.query_integer("PRAGMA page_count");
  const auto page_bytes = database.query_integer("PRAGMA page_size");
  if (!pages) return fail(pages.error());
  if (!page_bytes) return fail(page_bytes.error());
  if (*pages * *page_bytes > kCheckedBytes) return {};
  auto check = database.prepare("PRAGMA quick_check(1)");
  if (!check) return fail(std::move(check).error());
  auto row = check->step();
  if (!row) return fail(std::move(row).error());
  if (*row && check->text(0) != "ok") return fail(database.damaged(check->text(0)));
  return {};
}

Result<void> make_tables(const Database& database, const std::string& path) {
  auto transaction = Transaction::begin(database);
  if (!transaction) return fail(std::move(transaction).error());
  // Another process may have made them since we looked.
  const auto version = version_of(database, path);
  if (!version) return fail(version.error());
  if (*version == kSchemaVersion) return {};
  auto made =
      database.execute(fmt::format("{}PRAGMA application_id = {}; PRAGMA user_version = {};",
                                   kTables, kApplicationId, kSchemaVersion));
  if (!made) return made;
  return transaction->commit();
}

}  // namespace

Result<void> prepare_schema(const Database& database, const std::string& path) {
  database.set_checkpoint_on_close(false);
  const auto version = version_of(database, path);
  if (!version) return fail(version.error());
  if (auto sound = check_soundness(database); !sound) return sound;
  if (database.is_read_only()) {
    return fail(
        Errc::Denied,
        fmt::format("{} cannot be written; it must belong to the user of adit-controller", path));
  }
  database.set_checkpoint_on_close(true);
  auto set = database.execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
      "PRAGMA journal_size_limit = 16777216;");
  if (!set) return set;
  return *version == kSchemaVersion ? Result<void>{} : make_tables(database, path);
}

}  // namespace adit::store
