#include "controller/probe_worker.hpp"

#include <utility>

namespace adit {

namespace {

constexpr std::size_t kMaxQueued = 64;
constexpr Milliseconds kProbePatience{1'000};
constexpr Milliseconds kCertificatePatience{5'000};
constexpr Seconds kForever{3600};

}  // namespace

ProbeWorker::ProbeWorker(Mailbox& mailbox) : mailbox_(mailbox), queue_(kMaxQueued) {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (auto job = queue_.pop(stop, SteadyClock::now() + kForever)) {
        std::visit([&](auto& one) { handle(one, stop); }, *job);
      }
    }
  });
}

void ProbeWorker::handle(Probe& probe, const std::stop_token& stop) {
  auto report = probe::probe_target(probe.question.target, probe.question.server_name,
                                    {SteadyClock::now() + kProbePatience, stop});
  mailbox_.post([done = std::move(probe.done), report = std::move(report)] { done(report); });
}

void ProbeWorker::handle(FetchCertificate& fetch, const std::stop_token& stop) {
  probe::CertificateRequest request;
  request.at = fetch.question.target;
  request.server_name = fetch.question.server_name;
  auto certificate =
      probe::fetch_certificate(request, {SteadyClock::now() + kCertificatePatience, stop});
  mailbox_.post(
      [done = std::move(fetch.done), certificate = std::move(certificate)] { done(certificate); });
}

void ProbeWorker::probe(api::TargetQuestion question, api::Services::ProbeDone done) {
  Job job = Probe{std::move(question), std::move(done)};
  if (queue_.push(job)) return;
  probe::ProbeReport report;
  report.detail = "too many targets are being looked at; try again later";
  std::get<Probe>(job).done(report);
}

void ProbeWorker::fetch_certificate(api::TargetQuestion question,
                                    api::Services::CertificateDone done) {
  Job job = FetchCertificate{std::move(question), std::move(done)};
  if (queue_.push(job)) return;
  std::get<FetchCertificate>(job).done(
      fail(Errc::Unavailable, "too many targets are being looked at; try again later"));
}

}  // namespace adit
