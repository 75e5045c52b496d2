// A store whose disk takes nothing: after a power cut a file system may come up read-only, and
// disks fill up. What was committed must still bring everything back, so it is read from a copy in
// memory (the write-ahead log included, which SQLite cannot read from a read-only disk); only
// changes are refused until the disk can be written again.
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "common/os/files.hpp"
#include "controller/store/store.hpp"

namespace adit::store {

namespace {

namespace fs = std::filesystem;

/// What SQLite needs to open a database in WAL mode (its -shm), and some room for a commit.
constexpr std::size_t kNeededBytes = 128 << 10;

/// A folder in memory with a copy of the database, removed at the end.
class Copy {
 public:
  static Result<Copy> make(const std::string& state_dir, const std::string& scratch_dir) {
    Copy copy(scratch_dir + "/read-only-store");
    std::error_code fault;
    fs::remove_all(copy.folder_, fault);
    if (auto made = os::make_directories(copy.folder_, 0700); !made) return fail(made.error());
    for (const char* name : {"adit.db", "adit.db-wal"}) {
      const fs::path source = fs::path(state_dir) / name;
      std::error_code missing;
      if (!fs::exists(source, missing)) continue;
      fs::copy_file(source, fs::path(copy.folder_) / name, fault);
      if (fault) {
        return fail(Errc::System, fmt::format("copy {} to {}: {}", source.string(), copy.folder_,
                                              fault.message()));
      }
    }
    return copy;
  }

  ~Copy() { remove(); }

  Copy(Copy&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}

  Copy& operator=(Copy&&) = delete;
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  [[nodiscard]] const std::string& folder() const { return folder_; }

  void remove() {
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(std::exchange(folder_, {}), ignored);
  }

 private:
  explicit Copy(std::string folder) : folder_(std::move(folder)) {}

  std::string folder_;
};

class ReadOnlyStore final : public Store {
 public:
  ReadOnlyStore(std::string state_dir, Copy copy, std::unique_ptr<Store> store, Error hindrance)
      : state_dir_(std::move(state_dir)),
        copy_(std::move(copy)),
        store_(std::move(store)),
        hindrance_(std::move(hindrance)) {}

  Result<Revision> head() override { return store_->head(); }

  Result<Revision> get(std::uint64_t number) override { return store_->get(number); }

  Result<std::vector<RevisionInfo>> list(std::size_t limit) override { return store_->list(limit); }

  /// A person who has just made room need not wait.
  Result<std::uint64_t> commit(std::uint64_t expected_head, const Revision& revision) override {
    try_again();
    if (hindrance_) return fail(Error{Errc::Unavailable, problem(), hindrance_->sys_errno});
    return store_->commit(expected_head, revision);
  }

  void watch(std::function<void(std::uint64_t)> on_change) override {
    on_change_ = std::move(on_change);
    store_->watch(on_change_);
  }

  [[nodiscard]] std::string problem() const override {
    if (!hindrance_) return {};
    return fmt::format("{}: what is recorded is served, but nothing can be changed",
                       hindrance_->what);
  }

  bool try_again() override {
    if (!hindrance_) return false;
    if (auto still = os::write_hindrance(state_dir_, kNeededBytes)) {
      const bool is_other = still->what != hindrance_->what;
      hindrance_ = std::move(*still);
      return is_other;
    }
    auto real = open_sqlite_store(state_dir_);
    if (!real || !(*real)->lease()) return false;
    if (on_change_) (*real)->watch(on_change_);
    store_ = std::move(*real);
    copy_.remove();
    hindrance_.reset();
    return true;
  }

  /// Nobody can write it, and the lock of the state folder keeps others off.
  Result<void> lease() override { return {}; }

 private:
  std::string state_dir_;
  Copy copy_;
  std::unique_ptr<Store> store_;  ///< of the copy, later the real one
  std::optional<Error> hindrance_;
  std::function<void(std::uint64_t)> on_change_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_store(const std::string& state_dir,
                                          const std::string& scratch_dir) {
  auto real = open_sqlite_store(state_dir);
  if (real) return real;
  auto hindrance = os::write_hindrance(state_dir, kNeededBytes);
  if (!hindrance) return real;
  auto copy = Copy::make(state_dir, scratch_dir);
  if (!copy) return fail(copy.error().within(hindrance->what));
  auto store = open_sqlite_store(copy->folder());
  if (!store) return fail(store.error().within(hindrance->what));
  return std::make_unique<ReadOnlyStore>(state_dir, std::move(*copy), std::move(*store),
                                         std::move(*hindrance));
}

}  // namespace adit::store
