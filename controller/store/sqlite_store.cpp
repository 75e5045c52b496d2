// The Store on SQLite. Each commit is one IMMEDIATE transaction that adds a row with the whole
// document and brings the index of the head up to date; with WAL and synchronous=FULL it is on the
// disk when COMMIT returns, and a process killed in between leaves the head as it was.
#include <cerrno>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/unique_fd.hpp"
#include "controller/config/resource_json.hpp"
#include "controller/store/resource_changes.hpp"
#include "controller/store/schema.hpp"
#include "controller/store/sqlite.hpp"
#include "controller/store/store.hpp"

namespace adit::store {

namespace {

/// Makes the file itself, so that it (and the -wal and -shm that take its mode after it) is never
/// readable by others. An existing file is not opened here: closing a second descriptor would drop
/// SQLite's own locks on it.
Result<void> make_private_file(const std::string& state_dir, const std::string& path) {
  const UniqueFd fresh(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fresh.is_open()) {
    const UniqueFd folder(::open(state_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.is_open()) ::fsync(folder.get());
    return {};
  }
  if (errno != EEXIST) return fail_sys("make " + path, errno);

  struct stat status {};

  if (::lstat(path.c_str(), &status) != 0) return fail_sys("look at " + path, errno);
  if (!S_ISREG(status.st_mode)) return fail(Errc::Conflict, path + " is not a file");
  if ((status.st_mode & 0077) != 0 && ::chmod(path.c_str(), 0600) != 0) {
    return fail_sys(path + " is open to others and cannot be closed to them", errno);
  }
  return {};
}

class SqliteStore final : public Store {
 public:
  SqliteStore(std::string state_dir, std::unique_ptr<Database> database)
      : state_dir_(std::move(state_dir)), database_(std::move(database)) {}

  Result<Revision> head() override {
    auto number = head_number();
    if (!number) return fail(std::move(number).error());
    if (*number == 0) return Revision{};
    if (!cached_head_ || cached_head_->number != *number) {
      auto read = get(*number);
      if (!read) return read;
      cached_head_ = std::move(*read);
    }
    return *cached_head_;
  }

  Result<std::uint64_t> commit(std::uint64_t expected_head, const Revision& revision) override {
    auto number = write(expected_head, revision);
    if (!number) return fail(number.error().within("commit"));
    cached_head_ = revision;
    cached_head_->number = *number;
    if (on_change_) on_change_(*number);
    return number;
  }

  Result<Revision> get(std::uint64_t number) override {
    auto select = database_->prepare(
        "SELECT owner, uid, time, message, document FROM revisions WHERE number = ?");
    if (!select) return fail(std::move(select).error());
    select->bind(1, static_cast<std::int64_t>(number));
    auto row = select->step();
    if (!row) return fail(std::move(row).error());
    if (!*row) return fail(Errc::NotFound, fmt::format("there is no revision {}", number));
    auto resources = resources_of(number, select->text(4));
    if (!resources) return fail(std::move(resources).error());
    return Revision{number,
                    select->text(0),
                    static_cast<std::uint32_t>(select->integer(1)),
                    select->integer(2),
                    select->text(3),
                    std::move(*resources)};
  }

  Result<std::vector<RevisionInfo>> list(std::size_t limit) override {
    auto select = database_->prepare(
        "SELECT number, owner, uid, time, message, summary FROM revisions "
        "ORDER BY number DESC LIMIT ?");
    if (!select) return fail(std::move(select).error());
    select->bind(1, static_cast<std::int64_t>(std::min<std::size_t>(limit, INT32_MAX)));
    std::vector<RevisionInfo> infos;
    while (true) {
      auto row = select->step();
      if (!row) return fail(std::move(row).error());
      if (!*row) return infos;
      infos.push_back({static_cast<std::uint64_t>(select->integer(0)), select->text(1),
                       static_cast<std::uint32_t>(select->integer(2)), select->integer(3),
                       select->text(4), select->text(5)});
    }
  }

  void watch(std::function<void(std::uint64_t)> on_change) override {
    on_change_ = std::move(on_change);
  }

  Result<void> lease() override {
    if (lease_.is_open()) return {};
    const std::string path = state_dir_ + "/adit.db-lease";
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.is_open()) return fail_sys("open " + path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return fail_sys("lock " + path, errno);
      return fail(Errc::Conflict,
                  fmt::format("another process has the right to write {}/adit.db", state_dir_));
    }
    lease_ = std::move(fd);
    return {};
  }

 private:
  Result<std::uint64_t> head_number() const {
    const auto number = database_->query_integer("SELECT max(number) FROM revisions");
    if (!number) return fail(number.error());
    return static_cast<std::uint64_t>(*number);
  }

  Result<config::Resources> resources_of(std::uint64_t number, const std::string& document) const {
    const auto json = nlohmann::json::parse(document, nullptr, /*allow_exceptions=*/false);
    if (json.is_discarded()) {
      return fail(database_->damaged(fmt::format("revision {} is not JSON", number)));
    }
    auto resources = config::resources_from_json(json);
    if (resources) return std::move(*resources);
    return fail(database_->damaged(
        fmt::format("revision {}: {}", number, config::to_string(resources.error().front()))));
  }

  Result<std::uint64_t> write(std::uint64_t expected_head, const Revision& revision) {
    std::string document;
    try {
      document = config::to_json(revision.resources).dump();
    } catch (const nlohmann::json::exception& error) {  // text that is not UTF-8
      return fail(Errc::Invalid, error.what());
    }
    auto transaction = Transaction::begin(*database_);
    if (!transaction) return fail(std::move(transaction).error());
    auto before = head();
    if (!before) return fail(std::move(before).error());
    if (before->number != expected_head) {
      return fail(Errc::Conflict, fmt::format("the newest revision is {}, no longer {}",
                                              before->number, expected_head));
    }
    const auto changes = changes_between(before->resources, revision.resources);
    const std::uint64_t number = expected_head + 1;
    auto written = insert(number, revision, summary_of(changes), document);
    if (written) written = update_index(number, changes);
    if (written) written = transaction->commit();
    if (!written) return fail(std::move(written).error());
    return number;
  }

  Result<void> insert(std::uint64_t number, const Revision& revision, const std::string& summary,
                      const std::string& document) const {
    auto insert = database_->prepare(
        "INSERT INTO revisions (number, owner, uid, time, message, summary, document) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)");
    if (!insert) return fail(std::move(insert).error());
    insert->bind(1, static_cast<std::int64_t>(number));
    insert->bind(2, revision.owner);
    insert->bind(3, static_cast<std::int64_t>(revision.uid));
    insert->bind(4, revision.time);
    insert->bind(5, revision.message);
    insert->bind(6, summary);
    insert->bind(7, document);
    if (auto done = insert->step(); !done) return fail(std::move(done).error());
    return {};
  }

  Result<void> update_index(std::uint64_t number,
                            const std::vector<ResourceChange>& changes) const {
    auto put = database_->prepare(
        "INSERT OR REPLACE INTO resources (kind, name, owner, revision) VALUES (?, ?, ?, ?)");
    if (!put) return fail(std::move(put).error());
    auto remove = database_->prepare("DELETE FROM resources WHERE kind = ? AND name = ?");
    if (!remove) return fail(std::move(remove).error());
    for (const auto& change : changes) {
      Statement& statement = change.sign == '-' ? *remove : *put;
      statement.bind(1, change.kind);
      statement.bind(2, change.name);
      if (change.sign != '-') {
        statement.bind(3, change.owner);
        statement.bind(4, static_cast<std::int64_t>(number));
      }
      if (auto done = statement.step(); !done) return fail(std::move(done).error());
      statement.reset();
    }
    return {};
  }

  std::string state_dir_;
  std::unique_ptr<Database> database_;
  UniqueFd lease_;
  std::optional<Revision> cached_head_;  ///< revisions never change, so its number says if it holds
  std::function<void(std::uint64_t)> on_change_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& state_dir) {
  const std::string path = state_dir + "/adit.db";
  if (auto made = make_private_file(state_dir, path); !made) return fail(std::move(made).error());
  auto database = Database::open(path);
  if (!database) return fail(std::move(database).error());
  if (auto ready = prepare_schema(**database, path); !ready) return fail(std::move(ready).error());
  auto store = std::make_unique<SqliteStore>(state_dir, std::move(*database));
  // A head that cannot be read must be known now, not at the first change.
  if (auto head = store->head(); !head) return fail(std::move(head).error());
  return store;
}

}  // namespace adit::store
