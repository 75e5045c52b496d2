#include "controller/probe_worker.hpp"

#include <utility>

namespace adit {

namespace {

constexpr std::size_t kMaxQueued = 64;
constexpr Milliseconds kProbePatience{1'000};
constexpr Milliseconds kCertificatePatience{5'000};
constexpr Seconds kForever{3600};

}  // namespace

ProbeWorker::Line::Line(Milliseconds patience)
    : patience_(patience),
      queue_(kMaxQueued),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

void ProbeWorker::Line::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto next = queue_.pop(stop, SteadyClock::now() + kForever);
    if (!next) continue;
    // In less than half of its time a target that is well could seem silent.
    const bool is_late = next->deadline - SteadyClock::now() < patience_ / 2;
    const os::Patience patience{next->deadline, stop};
    next->job(is_late ? nullptr : &patience);
  }
}

void ProbeWorker::Line::add(Job job) {
  Timed timed{SteadyClock::now() + patience_, std::move(job)};
  if (!queue_.push(timed)) timed.job(nullptr);
}

ProbeWorker::ProbeWorker(Mailbox& mailbox)
    : mailbox_(mailbox), probes_(kProbePatience), certificates_(kCertificatePatience) {}

void ProbeWorker::probe(api::TargetQuestion question, api::Services::ProbeDone done) {
  probes_.add(
      [this, question = std::move(question), done = std::move(done)](const os::Patience* patience) {
        probe::ProbeReport report{probe::ProbeResult::NotProbed, "not probed: busy", {}};
        if (patience != nullptr) {
          report = probe::probe_target(question.target, question.server_name, *patience,
                                       question.proxy_protocol);
        }
        mailbox_.post([done, report = std::move(report)] { done(report); });
      });
}

void ProbeWorker::fetch_certificate(api::TargetQuestion question,
                                    api::Services::CertificateDone done) {
  certificates_.add(
      [this, question = std::move(question), done = std::move(done)](const os::Patience* patience) {
        Result<probe::Certificate> certificate =
            fail(Errc::Unavailable, "not looked at: busy; try again later");
        if (patience != nullptr) {
          certificate = probe::fetch_certificate(
              {question.target, question.server_name, {}, question.proxy_protocol}, *patience);
        }
        mailbox_.post([done, certificate = std::move(certificate)] { done(certificate); });
      });
}

}  // namespace adit
