// What the API asks the local worker for, and what it answers: values that travel between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "controller/apply/step_report.hpp"
#include "controller/config/ownership.hpp"
#include "controller/config/problem.hpp"
#include "controller/config/resources.hpp"
#include "controller/config/yaml_reader.hpp"
#include "controller/store/store.hpp"

namespace adit::apply {

struct ApplyFiles {
  std::vector<config::SourceFile> files;
  bool prune = false;
};

struct PutHost {
  std::string name;
  config::Host host;
  bool only_if_new = false;  ///< If-None-Match: *
};

struct RemoveHost {
  std::string name;
};

struct PutSite {
  std::string name;
  config::Site site;
  bool only_if_new = false;
};

struct RemoveSite {
  std::string name;
};

/// JSON merge patch (RFC 7386) on the site's document. A patch of nothing but `public_key` may be
/// made under any owner.
struct PatchSite {
  std::string name;
  nlohmann::json patch;
};

struct Rollback {
  std::uint64_t revision = 0;
};

using ChangeAction =
    std::variant<ApplyFiles, PutHost, RemoveHost, PutSite, RemoveSite, PatchSite, Rollback>;

struct ChangeRequest {
  ChangeAction action;
  std::string owner = config::kDefaultOwner;
  std::uint32_t uid = 0;  ///< who is on the other side of the socket
  std::string message;
  std::optional<std::uint64_t> expected_revision;  ///< If-Match
  bool dry_run = false;
};

struct ChangeResult {
  std::uint64_t revision = 0;           ///< the head now
  std::uint64_t previous_revision = 0;  ///< the same as `revision`: nothing was committed
  std::vector<config::Change> changes;
  std::vector<StepReport> steps;
  std::vector<std::string> warnings;
  std::string undo;       ///< a command line; empty: nothing to undo, or no way to
  std::string undo_note;  ///< what `undo` leaves as it is
};

/// Why a request was not done; nothing was changed.
struct Refusal {
  Errc code = Errc::Invalid;
  std::string what;
  config::Problems problems;
  bool is_precondition = false;  ///< If-Match did not fit
};

template <class T>
using Answer = tl::expected<T, Refusal>;

inline tl::unexpected<Refusal> refuse(Errc code, std::string what) {
  return tl::unexpected<Refusal>(Refusal{code, std::move(what), {}, false});
}

inline tl::unexpected<Refusal> refuse(const Error& error) {
  return refuse(error.code, error.what);
}

/// All of `problems` (at least one) as one refusal.
tl::unexpected<Refusal> refuse(config::Problems problems);

}  // namespace adit::apply
