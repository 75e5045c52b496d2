"""Who may use what: STYLE's and ARCHITECTURE's table as data, and the checks that read it.

Every rule carries an example that breaks it, so that layering_test.py can show that the rule bites.
Paths are relative to the repository; patterns are regular expressions.
"""
import re
from typing import NamedTuple

MAX_LINES = 400
# A file comment that says why the file is longer.
JUSTIFIED = re.compile(r"//.*\b(longer than|more than|over|exceeds)\b.*\b400\b", re.I)

HEAVY = r"openssl/|libmnl/|yaml-cpp/|sqlite3|curl/|nlohmann/|microhttpd|CLI/|CLI11|linux/wireguard|libnftables"
SYSTEM_IO = r"unistd|fcntl|poll\.h|sys/(socket|un|file|stat|epoll|eventfd|uio)|netdb|uv\.h|common/(uv|os|unique_fd)"
THREADS = r"thread|mutex|shared_mutex|condition_variable|future|stop_token|semaphore|latch|barrier"


class IncludeRule(NamedTuple):
    """Files that match `files` (and not `but`) must not include what matches `forbidden`."""
    files: str
    forbidden: str
    why: str
    example: tuple  # (path, an include that breaks the rule)
    but: str = r"$^"


class TextRule(NamedTuple):
    """Files that match `files` must not contain `forbidden` outside of comments."""
    files: str
    forbidden: str
    why: str
    example: tuple  # (path, a line that breaks the rule)


def only_in(where, library, example_path):
    """Headers that begin with `library` may be included below `where` and nowhere else."""
    return IncludeRule(r"(common|relay|controller)/", "^" + library, f"only {where} knows {library}",
                       (example_path, library + ".h"), but=where)


INCLUDE_RULES = [
    IncludeRule(r"common/", r"^(relay|controller|tests)/", "common/ knows neither program",
                ("common/log.cpp", "relay/worker.hpp")),
    IncludeRule(r"common/", HEAVY + r"|seccomp", "common/ uses std, fmt and libuv only",
                ("common/error.cpp", "openssl/err.h")),
    IncludeRule(r"relay/", r"^(controller|tests)/", "the relay knows nothing of the controller but their protocol",
                ("relay/relay.cpp", "controller/wireguard/key.hpp")),
    IncludeRule(r"relay/", HEAVY, "the relay faces the internet: no key, token, YAML or database near it",
                ("relay/worker.cpp", "openssl/ssl.h")),
    IncludeRule(r"relay/", r"^(netdb|resolv|arpa/nameser)\.h", "the relay resolves no names",
                ("relay/connection.cpp", "netdb.h")),
    IncludeRule(r"relay/(client_hello|server_name|route_table|admission|timer_wheel|proxy_protocol|proxy_header_reader|alpn_target|crc32c)\.",
                SYSTEM_IO + "|" + THREADS.replace("thread|", ""),
                "pure parts of the relay: no descriptor, no loop, no system call",
                ("relay/client_hello.cpp", "unistd.h"), but=r"relay/(route_table|admission)\.[ch]pp$"),
    IncludeRule(r"relay/(route_table|admission)\.", SYSTEM_IO, "pure parts of the relay: no descriptor, no loop",
                ("relay/route_table.cpp", "sys/socket.h")),
    IncludeRule(r"controller/", r"^(relay|tests)/", "the controller speaks to the relay through common/control",
                ("controller/apply/executor.cpp", "relay/route_table.hpp")),
    IncludeRule(r"controller/(config|plan)/", SYSTEM_IO + "|" + THREADS,
                "desired state and plan are values: no descriptor, no thread, no loop",
                ("controller/plan/plan.cpp", "common/unique_fd.hpp")),
    IncludeRule(r"controller/(config|plan)/", r"^controller/(store|apply|api|cli|dns|probe)/",
                "config and plan know nothing of who stores and executes them",
                ("controller/config/validate.cpp", "controller/store/store.hpp")),
    IncludeRule(r"controller/config/", r"^controller/plan/", "a plan is made of a configuration, not the other way round",
                ("controller/config/validate.cpp", "controller/plan/plan.hpp")),
    IncludeRule(r"controller/(config|plan)/", r"^(openssl/|libmnl/|linux/|sqlite3|curl/|microhttpd)", "values only",
                ("controller/plan/desired.cpp", "openssl/evp.h")),
    IncludeRule(r"controller/.*_codec\.", r"unistd|fcntl|poll\.h|common/(uv|os|unique_fd)|libmnl/|sys/(file|stat|un)",
                "codecs turn bytes into values and back; somebody else reads and writes them",
                ("controller/wireguard/netlink_codec.cpp", "libmnl/libmnl.h")),
    IncludeRule(r"controller/wireguard/", r"^controller/(dns|api|store|apply|cli|plan|probe)/",
                "WireGuard is a library of its own", ("controller/wireguard/key.cpp", "controller/api/server.hpp")),
    IncludeRule(r"controller/store/", r"^controller/(dns|api|apply|cli|probe|plan)/|controller/wireguard/(?!key)",
                "the store keeps documents; it does not know what becomes of them",
                ("controller/store/sqlite_store.cpp", "controller/wireguard/kernel_backend.hpp")),
    IncludeRule(r"controller/probe/", r"^controller/(?!probe/)", "a probe is asked and answers",
                ("controller/probe/target_probe.cpp", "controller/config/resources.hpp")),
    IncludeRule(r"controller/apply/", r"^controller/(api|cli)/", "apply does not know who asked",
                ("controller/apply/executor.cpp", "controller/api/server.hpp")),
    IncludeRule(r"controller/api/", r"^sqlite3|^libmnl/|^linux/|controller/(cli/|wireguard/.*(backend|socket))",
                "a request is answered from a snapshot or handed to the local worker",
                ("controller/api/server.cpp", "sqlite3.h")),
    IncludeRule(r"controller/cli/", r"^controller/(?!cli/|probe/)", "the command line speaks only HTTP to the controller",
                ("controller/cli/main.cpp", "controller/config/resources.hpp")),
    IncludeRule(r"controller/(?!cli/)", r"^controller/cli/", "nobody needs the command line",
                ("controller/apply/executor.cpp", "controller/cli/table.hpp")),
    IncludeRule(r"controller/secrets/", r"^controller/(?!secrets/)", "secrets are at the bottom",
                ("controller/secrets/secret.hpp", "controller/wireguard/key.hpp")),
    only_in(r"controller/config/[a-z_]+\.cpp$", "yaml-cpp/", "controller/config/yaml_reader.hpp"),
    only_in(r"controller/store/", "sqlite3", "controller/apply/executor.cpp"),
    only_in(r"controller/wireguard/", "libmnl/", "controller/apply/executor.cpp"),
    only_in(r"controller/api/", "microhttpd", "controller/daemon.cpp"),
    only_in(r"controller/cli/", "curl/", "controller/daemon.cpp"),
    only_in(r"controller/cli/", "CLI/", "controller/daemon.cpp"),
    only_in(r"relay/", "seccomp", "controller/daemon.cpp"),
]

TEXT_RULES = [
    TextRule(r"relay/", r"\b(getaddrinfo|gethostbyname\w*|getnameinfo|res_query|uv_getaddrinfo)\b",
             "the relay resolves no names", ("relay/connection.cpp", "  getaddrinfo(name, port, &hints, &list);")),
    TextRule(r"relay/supervisor(_link|_reload)?\.", r"\b(recv|recvfrom|recvmmsg|accept4?|splice)\s*\(",
             "the supervisor reads no byte from the network",
             ("relay/supervisor.cpp", "  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);")),
    TextRule(r"controller/(config|plan)/", r"\b(steady_clock|system_clock)\s*::\s*now\b|\btime\s*\(\s*(nullptr|NULL|0)",
             "time enters config and plan as a parameter",
             ("controller/plan/plan.cpp", "  const auto now = std::chrono::steady_clock::now();")),
    TextRule(r"(common|relay|controller)/", r"\blog::(error|warning|notice|info|debug|write)\s*\((?:(?!;)[\s\S])*?\bwire_text\s*\(",
             "a real host name is logged only as far as relay.privacy allows",
             ("relay/worker.cpp", '  log::info("refused name={}",\n            name.wire_text());')),
    TextRule(r"(common|relay|controller)/", r"\buv_(tcp|pipe|udp|fs|getaddrinfo|queue_work|read_start|write)\w*\s*\(",
             "of libuv only poll, timer, signal and async are used",
             ("relay/listener.cpp", "  uv_tcp_init(loop, &handle);")),
]

# The design's list, and glibc's own loader: with -fno-plt the linker names it for __tls_get_addr.
RELAY_LIBRARIES = {"libuv.so", "libfmt.so", "libseccomp.so", "libstdc++.so", "libgcc_s.so", "libc.so", "libm.so",
                   "ld-linux-x86-64.so"}
SANITIZER_LIBRARIES = {"libasan.so", "libubsan.so", "libtsan.so"}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/', re.S)


def violations_of(path, text):
    """One line for each rule that the file `path` with content `text` breaks."""
    found = []
    includes = INCLUDE.findall(text)
    for rule in INCLUDE_RULES:
        if re.match(rule.files, path) and not re.match(rule.but, path):
            found += [f"{path}: must not include {name}: {rule.why}" for name in includes
                      if re.search(rule.forbidden, name)]
    code = COMMENT.sub("", text)
    for rule in TEXT_RULES:
        if re.match(rule.files, path):
            found += [f"{path}: {match.group(0)!r}: {rule.why}" for match in re.finditer(rule.forbidden, code)]
    return found


def is_too_long(text):
    """More than MAX_LINES lines, and the file comment does not say why."""
    head = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        head.append(line)
    return text.count("\n") > MAX_LINES and not JUSTIFIED.search(" // ".join(head))


def strange_libraries(readelf_output, allowed):
    """The libraries of `readelf -d` that are not in `allowed` (names without their version)."""
    needed = re.findall(r"\(NEEDED\).*\[(.+?)\]", readelf_output)
    return [name for name in needed if re.sub(r"\.so.*", ".so", name) not in allowed]
