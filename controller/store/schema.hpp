// The tables of adit.db and their version. A file of a newer build is refused before anything of it
// is touched; files of older builds are brought up to date in one transaction.
#pragma once

#include "common/result.hpp"
#include "controller/store/sqlite.hpp"

namespace adit::store {

/// PRAGMA user_version of the schema that this build writes.
inline constexpr int kSchemaVersion = 1;
/// PRAGMA application_id: "adit".
inline constexpr int kApplicationId = 0x61646974;

/// Makes `database` ready for use: checks whose file it is and whether it is sound, sets WAL,
/// synchronous=FULL and foreign keys, makes the tables where the file is new. Errc::Conflict for a
/// newer schema or a file of another program, which is left as it was.
Result<void> prepare_schema(const Database& database, const std::string& path);

}  // namespace adit::store
