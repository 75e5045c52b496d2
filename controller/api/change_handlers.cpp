// What changes the desired state, and its history: requests for the local worker.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "controller/api/api.hpp"
#include "controller/api/body.hpp"
#include "controller/api/problem_response.hpp"
#include "controller/api/views.hpp"
#include "controller/config/resource_json.hpp"

namespace adit::api {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxMessageBytes = 1000;
constexpr std::size_t kListedRevisions = 1000;

using Attempt = tl::expected<apply::ChangeRequest, Response>;

tl::unexpected<Response> give_up(Response response) {
  return tl::unexpected<Response>(std::move(response));
}

/// Who asks, why, and for which revision: what every change has.
Attempt change_of(const Request& request, const std::string& owner, const std::string& message) {
  apply::ChangeRequest change;
  change.owner = owner;
  change.uid = request.uid;
  change.message = message;
  const bool has_controls = std::any_of(
      message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (message.size() > kMaxMessageBytes || has_controls) {
    return give_up(problem_response(
        Errc::Invalid, fmt::format("message: one line of at most {} bytes", kMaxMessageBytes)));
  }
  if (request.if_match && *request.if_match != "*") {
    change.expected_revision = revision_of_tag(*request.if_match);
    if (!change.expected_revision) {
      return give_up(problem_response(
          Errc::Invalid, "If-Match: must be one ETag of this API: a revision in quotes"));
    }
  }
  return change;
}

Attempt change_of(const Request& request) {
  return change_of(request, request.argument("owner", config::kDefaultOwner),
                   request.argument("message"));
}

void submit(Services& services, apply::ChangeRequest change, const Reply& reply) {
  services.change(std::move(change), [reply](apply::Answer<apply::ChangeResult> answer) {
    reply(answer ? json_response(to_json(*answer), answer->revision)
                 : problem_response(answer.error()));
  });
}

/// A change whose action is made from the path and the body; `make` gives an Attempt at the action.
template <class Make>
Handler on_change(Services& services, Make make) {
  return
      [&services, make](const Request& request, const Parameters& parameters, const Reply& reply) {
        auto change = change_of(request);
        if (!change) return reply(std::move(change).error());
        tl::expected<apply::ChangeAction, Response> action = make(request, parameters);
        if (!action) return reply(std::move(action).error());
        change->action = std::move(*action);
        submit(services, std::move(*change), reply);
      };
}

using ActionAttempt = tl::expected<apply::ChangeAction, Response>;

ActionAttempt put_host(const Request& request, const Parameters& parameters) {
  const auto body = parse_object(request.body);
  if (!body) return give_up(problem_response(body.error()));
  auto host = config::host_from_json(parameters[0], *body);
  if (!host) return give_up(problem_response(apply::refuse(std::move(host).error()).value()));
  return apply::PutHost{parameters[0], std::move(*host), request.if_none_match == "*"};
}

ActionAttempt put_site(const Request& request, const Parameters& parameters) {
  const auto body = parse_object(request.body);
  if (!body) return give_up(problem_response(body.error()));
  auto site = config::site_from_json(parameters[0], *body);
  if (!site) return give_up(problem_response(apply::refuse(std::move(site).error()).value()));
  return apply::PutSite{parameters[0], std::move(*site), request.if_none_match == "*"};
}

ActionAttempt patch_site(const Request& request, const Parameters& parameters) {
  auto body = parse_object(request.body);
  if (!body) return give_up(problem_response(body.error()));
  return apply::PatchSite{parameters[0], std::move(*body)};
}

ActionAttempt remove_host(const Request&, const Parameters& parameters) {
  return apply::RemoveHost{parameters[0]};
}

ActionAttempt remove_site(const Request&, const Parameters& parameters) {
  return apply::RemoveSite{parameters[0]};
}

Result<std::vector<config::SourceFile>> files_of(const json& body) {
  const auto files = body.find("files");
  if (files == body.end() || !files->is_array()) {
    return fail(Errc::Invalid, "files: must be a list of {\"path\", \"text\"}");
  }
  std::vector<config::SourceFile> out;
  for (const json& file : *files) {
    if (!file.is_object() || !file.contains("text")) {
      return fail(Errc::Invalid, "files: each must be an object with \"path\" and \"text\"");
    }
    auto path = text_member(file, "path", "");
    auto text = text_member(file, "text", "");
    if (!path || !text) return fail((path ? text.error() : path.error()).within("files"));
    out.push_back({std::move(*path), std::move(*text)});
  }
  return out;
}

Result<apply::ChangeRequest> read_apply(const json& body) {
  if (auto known = require_known(body, {"files", "owner", "prune", "dry_run", "message"}); !known) {
    return fail(std::move(known).error());
  }
  auto files = files_of(body);
  if (!files) return fail(std::move(files).error());
  auto owner = text_member(body, "owner", config::kDefaultOwner);
  if (!owner) return fail(std::move(owner).error());
  auto message = text_member(body, "message", "");
  if (!message) return fail(std::move(message).error());
  const auto prune = flag_member(body, "prune", false);
  if (!prune) return fail(prune.error());
  const auto dry_run = flag_member(body, "dry_run", false);
  if (!dry_run) return fail(dry_run.error());
  apply::ChangeRequest change;
  change.action = apply::ApplyFiles{std::move(*files), *prune};
  change.owner = std::move(*owner);
  change.message = std::move(*message);
  change.dry_run = *dry_run;
  return change;
}

/// POST /v1/apply, and /v1/plan, which never commits.
Handler on_apply(Services& services, bool is_plan) {
  return [&services, is_plan](const Request& request, const Parameters&, const Reply& reply) {
    const auto body = parse_object(request.body);
    if (!body) return reply(problem_response(body.error()));
    auto read = read_apply(*body);
    if (!read) return reply(problem_response(read.error()));
    auto change = change_of(request, read->owner, read->message);
    if (!change) return reply(std::move(change).error());
    change->action = std::move(read->action);
    change->dry_run = read->dry_run || is_plan;
    submit(services, std::move(*change), reply);
  };
}

void roll_back(Services& services, const Request& request, const Reply& reply) {
  const auto body = parse_object(request.body);
  if (!body) return reply(problem_response(body.error()));
  if (auto known = require_known(*body, {"revision", "message", "owner"}); !known) {
    return reply(problem_response(known.error()));
  }
  const auto revision = body->find("revision");
  if (revision == body->end() || !revision->is_number_unsigned()) {
    return reply(
        problem_response(Errc::Invalid, "revision: must be a number; `adit history` lists them"));
  }
  const auto message = text_member(*body, "message", "");
  if (!message) return reply(problem_response(message.error()));
  const auto owner = text_member(*body, "owner", config::kDefaultOwner);
  if (!owner) return reply(problem_response(owner.error()));
  auto change = change_of(request, *owner, *message);
  if (!change) return reply(std::move(change).error());
  change->action = apply::Rollback{revision->get<std::uint64_t>()};
  submit(services, std::move(*change), reply);
}

void get_revisions(Services& services, const Reply& reply) {
  services.list_revisions(kListedRevisions,
                          [reply](Result<std::vector<store::RevisionInfo>> revisions) {
                            if (!revisions) return reply(problem_response(revisions.error()));
                            json items = json::array();
                            for (const auto& revision : *revisions)
                              items.push_back(to_json(revision));
                            reply(json_response({{"items", std::move(items)}}));
                          });
}

}  // namespace

std::vector<Operation> change_operations(Services& services) {
  const std::vector<std::string> who{"owner",
                                     "message"};  // apply and rollback: members of the body
  return {
      {"POST", "/v1/apply", on_apply(services, /*is_plan=*/false)},
      {"POST", "/v1/plan", on_apply(services, /*is_plan=*/true)},
      {"PUT", "/v1/hosts/{name}", on_change(services, put_host), who},
      {"DELETE", "/v1/hosts/{name}", on_change(services, remove_host), who},
      {"PUT", "/v1/sites/{name}", on_change(services, put_site), who},
      {"PATCH", "/v1/sites/{name}", on_change(services, patch_site), who},
      {"DELETE", "/v1/sites/{name}", on_change(services, remove_site), who},
      {"POST", "/v1/rollback",
       [&services](const Request& request, const Parameters&, const Reply& reply) {
         roll_back(services, request, reply);
       }},
      {"GET", "/v1/revisions",
       [&services](const Request&, const Parameters&, const Reply& reply) {
         get_revisions(services, reply);
       }},
  };
}

}  // namespace adit::api
