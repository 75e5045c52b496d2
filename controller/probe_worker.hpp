// ProbeWorker: the threads that look at targets (probe, verify): they wait for strangers, so
// nothing else may wait for them. The deadline of a question counts from the moment it is asked,
// its time in the queue included; a stop ends it at once.
#pragma once

#include <functional>
#include <thread>

#include "common/os/wait.hpp"
#include "controller/api/services.hpp"
#include "controller/mailbox.hpp"
#include "controller/work_queue.hpp"

namespace adit {

class ProbeWorker {
 public:
  /// Answers come back through `mailbox`, which must outlive this object.
  explicit ProbeWorker(Mailbox& mailbox);

  /// Answered within a second: NotProbed if others were in the way.
  void probe(api::TargetQuestion question, api::Services::ProbeDone done);
  /// Answered within five seconds: Errc::Unavailable if others were in the way.
  void fetch_certificate(api::TargetQuestion question, api::Services::CertificateDone done);

 private:
  /// A thread that does jobs of one kind, one after the other. All of them have the same patience,
  /// so what stands before a job has ended when the job's own patience has: none waits for longer.
  class Line {
   public:
    /// Looks with the patience that is left; nullptr: too little of it, say that nothing was done.
    using Job = std::function<void(const os::Patience*)>;

    explicit Line(Milliseconds patience);

    void add(Job job);

   private:
    struct Timed {
      TimePoint deadline;
      Job job;
    };

    void work(const std::stop_token& stop);

    Milliseconds patience_;
    WorkQueue<Timed> queue_;
    std::jthread thread_;  ///< last: it uses everything above
  };

  Mailbox& mailbox_;
  Line probes_;
  Line certificates_;
};

}  // namespace adit
