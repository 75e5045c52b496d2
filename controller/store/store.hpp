// The store of revisions. A revision is one immutable document of the whole desired state with who,
// when and why; the head is the newest. One writer (the local worker); SQLite today, etcd may
// implement the same later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "controller/config/resources.hpp"

namespace adit::store {

struct Revision {
  std::uint64_t number = 0;  ///< from 1; 0: the empty state before the first
  std::string owner;         ///< on whose behalf the change was made
  std::uint32_t uid = 0;     ///< who was on the other side of the socket
  std::int64_t time = 0;     ///< seconds since 1970
  std::string message;       ///< why (`--message`), may be empty
  config::Resources resources;

  bool operator==(const Revision&) const = default;
};

/// A revision without its document, as a history shows it.
struct RevisionInfo {
  std::uint64_t number = 0;
  std::string owner;
  std::uint32_t uid = 0;
  std::int64_t time = 0;
  std::string message;
  std::string summary;  ///< what it changed: "+host app.example.com, ~site home"

  bool operator==(const RevisionInfo&) const = default;
};

class Store {
 public:
  virtual ~Store() = default;

  /// The newest revision; number 0 and no resources if nothing was ever committed.
  virtual Result<Revision> head() = 0;
  /// Makes `revision` the head, numbered expected_head + 1, all or nothing and on disk when this
  /// returns. Errc::Conflict if the head is no longer `expected_head`. Returns the new number.
  virtual Result<std::uint64_t> commit(std::uint64_t expected_head, const Revision& revision) = 0;
  /// Errc::NotFound if there is no such revision.
  virtual Result<Revision> get(std::uint64_t number) = 0;
  /// The newest `limit` revisions, newest first.
  virtual Result<std::vector<RevisionInfo>> list(std::size_t limit) = 0;
  /// Calls `on_change(head number)` after each commit, in the thread that commits; one watcher.
  virtual void watch(std::function<void(std::uint64_t)> on_change) = 0;

  /// Why nothing can be committed now, with what to do; empty if it can.
  [[nodiscard]] virtual std::string problem() const { return {}; }

  /// Tries whether it can be written again where it could not. True if `problem` changed.
  virtual bool try_again() { return false; }

  /// Takes the right to write for this process, held until the store is closed. Errc::Conflict:
  /// another has it.
  virtual Result<void> lease() = 0;
};

/// Opens or makes `state_dir`/adit.db (0600, WAL); the folder must be there. A newer schema than
/// this build knows is Errc::Conflict, a damaged file Errc::System with what to do; neither is ever
/// overwritten. Errc::Denied if it cannot be written.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& state_dir);

/// The same; but where the folder's file system is read-only or full, a store that can be read only
/// (Store::problem): a copy in `scratch_dir`/read-only-store, a place in memory such as /run/adit,
/// which is removed with it. It becomes the real one as soon as that can be written.
Result<std::unique_ptr<Store>> open_store(const std::string& state_dir,
                                          const std::string& scratch_dir);

}  // namespace adit::store
