// Services: what handlers ask of the rest of the controller. The daemon implements it with the
// local worker and the probe thread; every callback comes back in the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/net/ip_address.hpp"
#include "controller/apply/requests.hpp"
#include "controller/apply/snapshot.hpp"
#include "controller/probe/certificate.hpp"
#include "controller/probe/target_probe.hpp"

namespace adit::api {

/// Something to look at through the tunnel: a target, the server name to ask it for, and what it
/// wants to hear first.
struct TargetQuestion {
  Endpoint target;
  std::string server_name;
  control::ProxyProtocol proxy_protocol = control::ProxyProtocol::None;
};

class Services {
 public:
  virtual ~Services() = default;

  /// The newest; never null once requests are taken.
  virtual std::shared_ptr<const apply::Snapshot> snapshot() = 0;
  /// Seconds since 1970.
  virtual std::int64_t wall_now() = 0;

  using ChangeDone = std::function<void(apply::Answer<apply::ChangeResult>)>;
  virtual void change(apply::ChangeRequest request, ChangeDone done) = 0;

  using RevisionsDone = std::function<void(Result<std::vector<store::RevisionInfo>>)>;
  virtual void list_revisions(std::size_t limit, RevisionsDone done) = 0;

  using ProbeDone = std::function<void(probe::ProbeReport)>;
  virtual void probe(TargetQuestion question, ProbeDone done) = 0;

  using CertificateDone = std::function<void(Result<probe::Certificate>)>;
  virtual void fetch_certificate(TargetQuestion question, CertificateDone done) = 0;
};

}  // namespace adit::api
