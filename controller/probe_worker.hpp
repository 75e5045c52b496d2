// ProbeWorker: the thread that looks at targets (probe, verify): it waits for strangers, so nothing
// else may wait for it. Every question has a deadline; a stop ends it at once.
#pragma once

#include <functional>
#include <thread>
#include <variant>

#include "controller/api/services.hpp"
#include "controller/mailbox.hpp"
#include "controller/work_queue.hpp"

namespace adit {

class ProbeWorker {
 public:
  /// Answers come back through `mailbox`, which must outlive this object.
  explicit ProbeWorker(Mailbox& mailbox);

  void probe(api::TargetQuestion question, api::Services::ProbeDone done);
  void fetch_certificate(api::TargetQuestion question, api::Services::CertificateDone done);

 private:
  struct Probe {
    api::TargetQuestion question;
    api::Services::ProbeDone done;
  };

  struct FetchCertificate {
    api::TargetQuestion question;
    api::Services::CertificateDone done;
  };

  using Job = std::variant<Probe, FetchCertificate>;

  void handle(Probe& probe, const std::stop_token& stop);
  void handle(FetchCertificate& fetch, const std::stop_token& stop);

  Mailbox& mailbox_;
  WorkQueue<Job> queue_;
  std::jthread thread_;  ///< last: it uses everything above
};

}  // namespace adit
