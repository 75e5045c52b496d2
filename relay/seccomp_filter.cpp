#include "relay/seccomp_filter.hpp"

#include <cerrno>
#include <initializer_list>
#include <memory>

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.hpp"

namespace adit::relay {

namespace {

struct ReleaseFilter {
  void operator()(void* filter) const noexcept { seccomp_release(filter); }
};

using Filter = std::unique_ptr<void, ReleaseFilter>;

/// Sockets, pipes and their readiness: the life of a connection. bind(2) is for source addresses;
/// Landlock leaves it no port of our choice where the kernel knows how.
constexpr std::initializer_list<int> kNetwork = {
    SCMP_SYS(accept4),    SCMP_SYS(connect),     SCMP_SYS(listen),        SCMP_SYS(shutdown),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),  SCMP_SYS(getsockname),   SCMP_SYS(getpeername),
    SCMP_SYS(recvfrom),   SCMP_SYS(recvmsg),     SCMP_SYS(sendto),        SCMP_SYS(sendmsg),
    SCMP_SYS(splice),     SCMP_SYS(pipe2),       SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),  SCMP_SYS(eventfd2),
    SCMP_SYS(poll),       SCMP_SYS(ppoll),       SCMP_SYS(bind),
};

/// Descriptors, and the files of the state folder (Landlock says which).
constexpr std::initializer_list<int> kFiles = {
    SCMP_SYS(read),      SCMP_SYS(write),      SCMP_SYS(readv),    SCMP_SYS(writev),
    SCMP_SYS(pread64),   SCMP_SYS(close),      SCMP_SYS(openat),   SCMP_SYS(open),
    SCMP_SYS(fstat),     SCMP_SYS(newfstatat), SCMP_SYS(lseek),    SCMP_SYS(fsync),
    SCMP_SYS(ftruncate), SCMP_SYS(fchmod),     SCMP_SYS(rename),   SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(unlink),     SCMP_SYS(unlinkat), SCMP_SYS(dup),
};

/// Memory, threads, clocks and signals: the C library's own needs.
constexpr std::initializer_list<int> kProcess = {
    SCMP_SYS(munmap),        SCMP_SYS(mremap),       SCMP_SYS(madvise),
    SCMP_SYS(brk),           SCMP_SYS(futex),        SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),          SCMP_SYS(sched_yield),  SCMP_SYS(sched_getaffinity),
    SCMP_SYS(membarrier),    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),  SCMP_SYS(sigaltstack),  SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),     SCMP_SYS(gettimeofday), SCMP_SYS(time),
    SCMP_SYS(getpid),        SCMP_SYS(gettid),       SCMP_SYS(getppid),
    SCMP_SYS(geteuid),       SCMP_SYS(getuid),       SCMP_SYS(getegid),
    SCMP_SYS(getgid),        SCMP_SYS(getrandom),    SCMP_SYS(getrlimit),
    SCMP_SYS(exit),          SCMP_SYS(exit_group),
};

/// Nothing that serves connections ever calls these: who does is not us any more.
constexpr std::initializer_list<int> kDeadly = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(bpf),
    SCMP_SYS(mount),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(kexec_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(io_uring_setup),
};

int add_all(void* filter, std::uint32_t action, std::initializer_list<int> calls) {
  for (const int call : calls) {
    if (const int result = seccomp_rule_add(filter, action, call, 0); result != 0) return result;
  }
  return 0;
}

/// A condition on one argument (libseccomp's own macros are C).
scmp_arg_cmp is_equal(unsigned argument, scmp_datum_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}

scmp_arg_cmp has_bits(unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

/// What is allowed with some arguments only: threads but no processes, memory but no new code, TCP
/// sockets but no others, no other process's limits, and nobody's signals but our own (an F_SETOWN
/// or FIOSETOWN would be a way to send one).
int add_conditional(void* filter) {
  constexpr scmp_datum_t kTypeFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  const auto self = static_cast<scmp_datum_t>(::getpid());
  const auto allow = [filter](int call, std::initializer_list<scmp_arg_cmp> conditions) {
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call,
                                  static_cast<unsigned>(conditions.size()), conditions.begin());
  };
  int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  const auto also = [&result](int next) { result = result != 0 ? result : next; };
  also(allow(SCMP_SYS(clone), {has_bits(0, CLONE_THREAD, CLONE_THREAD)}));
  also(allow(SCMP_SYS(mmap), {has_bits(2, PROT_EXEC, 0)}));
  also(allow(SCMP_SYS(mprotect), {has_bits(2, PROT_EXEC, 0)}));
  for (const scmp_datum_t family : {AF_INET, AF_INET6}) {
    for (const scmp_datum_t protocol : {0, static_cast<int>(IPPROTO_TCP)}) {
      also(allow(SCMP_SYS(socket), {is_equal(0, family), has_bits(1, ~kTypeFlags, SOCK_STREAM),
                                    is_equal(2, protocol)}));
    }
  }
  for (const scmp_datum_t command : {F_GETPIPE_SZ, F_SETPIPE_SZ, F_GETFD, F_SETFD, F_GETFL}) {
    also(allow(SCMP_SYS(fcntl), {is_equal(1, command)}));
  }
  also(allow(SCMP_SYS(ioctl), {is_equal(1, FIONBIO)}));      // libuv's way to non-blocking
  also(allow(SCMP_SYS(ioctl), {is_equal(1, SIOCGIFNAME)}));  // by which interface a client came
  also(allow(SCMP_SYS(prlimit64), {is_equal(0, 0), is_equal(2, 0)}));
  also(allow(SCMP_SYS(prctl), {is_equal(0, PR_SET_NAME)}));
  also(allow(SCMP_SYS(tgkill), {is_equal(0, self)}));
  return result;
}

}  // namespace

Result<control::Protection> install_seccomp_filter() {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return fail(Errc::System, "make a seccomp filter");
  int result = add_all(filter.get(), SCMP_ACT_ALLOW, kNetwork);
  if (result == 0) result = add_all(filter.get(), SCMP_ACT_ALLOW, kFiles);
  if (result == 0) result = add_all(filter.get(), SCMP_ACT_ALLOW, kProcess);
  if (result == 0) result = add_all(filter.get(), SCMP_ACT_KILL_PROCESS, kDeadly);
  if (result == 0) result = add_conditional(filter.get());
  if (result != 0) return fail_sys("write the seccomp filter", -result);
  result = seccomp_load(filter.get());
  if (result == -ENOSYS || result == -EOPNOTSUPP) {
    log::warning("relay: this kernel has no seccomp filters; continuing without one");
    return control::Protection::Missing;
  }
  if (result != 0) return fail_sys("install the seccomp filter", -result);
  return control::Protection::On;
}

}  // namespace adit::relay
