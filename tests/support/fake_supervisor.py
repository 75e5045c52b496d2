"""A supervisor of the relay's data processes in the hands of a test, written from the descriptions in
relay/supervisor_link.hpp and relay/takeover_link.hpp alone."""

import array
import contextlib
import fcntl
import os
import queue
import socket
import struct
import subprocess
import tempfile
import threading

import relay_control
import relay_process

BIND, BIND_REPLY, UNBIND, READY, PING, PONG, DRAIN, SERVE, FREEZE, FROZEN, TABLE_CHANGED, SERVING, \
    TAKE_OVER = range(1, 14)
MESSAGE = struct.Struct("=HHIBBHHHi16s")
BEGIN, BATCH, ADOPTED, TOTALS, DONE = range(1, 6)
HEAD = struct.Struct("=HHI")
VERSION = 1

# As the supervisor starts it.
WITHOUT_CAPABILITY = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []


def with_fds(fds):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []


class TakeoverEnd:
    """One end of the socket over which connections move."""

    def __init__(self, connection):
        self.socket = connection
        connection.settimeout(20 * relay_process.SLOWNESS)

    @staticmethod
    def pair():
        return [TakeoverEnd(end) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)]

    def receive(self):
        """(type, count, body, descriptors); None at the end."""
        try:
            data, ancillary, flags, _ = self.socket.recvmsg(1 << 18, socket.CMSG_SPACE(4 * 253))
        except ConnectionResetError:
            return None
        assert flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) == 0
        fds = []
        for _, _, content in ancillary:
            fds += array.array("i", content[:len(content) // 4 * 4]).tolist()
        if not data:
            return None
        version, kind, count = HEAD.unpack_from(data)
        assert version == VERSION
        return kind, count, data[HEAD.size:], fds

    def send(self, kind, count=0, body=b"", fds=(), version=VERSION):
        self.socket.sendmsg([HEAD.pack(version, kind, count) + body], with_fds(fds))

    def close(self):
        self.socket.close()


class DataProcess:
    """A real data process; its `Bind`s are answered from `listeners`."""

    def __init__(self, supervisor, workers):
        self.supervisor = supervisor
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Above the numbers at which the process wants them.
        high = [fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, 20)
                for end in (theirs, supervisor.control_socket)]
        command = ["bash", "-c", 'a=$1 b=$2; shift 2; exec 3<&$a 4<&$b {a}<&- {b}<&-; exec "$@"',
                   "bash", *map(str, high), *WITHOUT_CAPABILITY, relay_process.BINARY, "--data-process", "--control", supervisor.control_path,
                   "--state-dir", supervisor.state_dir, "--workers", str(workers)]
        if relay_process.IS_SANITIZED:
            command.append("--no-sandbox")
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, pass_fds=high,
                                        stdin=subprocess.DEVNULL)
        theirs.close()
        for fd in high:
            os.close(fd)
        self.said = queue.Queue()
        self.lines = []
        self.threads = [threading.Thread(target=task, daemon=True)
                        for task in (self.listen, self.read_lines)]
        for thread in self.threads:
            thread.start()

    def read_lines(self):
        for line in self.process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def listen(self):
        with contextlib.suppress(OSError):
            while data := self.link.recv(MESSAGE.size):
                fields = list(MESSAGE.unpack(data))
                if fields[1] != BIND:
                    self.said.put(fields[1])
                    continue
                bound = self.supervisor.listener(fields[4], fields[5])
                fields[1], fields[6], fields[7] = BIND_REPLY, bound.getsockname()[1], 1
                self.link.sendmsg([MESSAGE.pack(*fields)], with_fds([bound.fileno()]))
        self.said.put(None)

    def tell(self, kind, fds=()):
        self.link.sendmsg([MESSAGE.pack(1, kind, 0, 4, 0, 0, 0, 0, 0, bytes(16))], with_fds(fds))

    def wait_for(self, kind):
        while (said := self.said.get(timeout=20 * relay_process.SLOWNESS)) != kind:
            assert said is not None, "\n".join(self.lines)

    def take_over(self, end):
        """Hands it `end` (a TakeoverEnd), which is its own from here on."""
        self.tell(TAKE_OVER, [end.socket.fileno()])
        end.close()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def wait_for_line(self, part):
        try:
            wait_until(part, lambda: any(part in line for line in self.lines))
        except TimeoutError:
            raise TimeoutError(f"no line with {part!r} in:\n" + "\n".join(self.lines)) from None

    def end(self):
        """Its status; it must not take long."""
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)  # a thread waits at it
        self.link.close()
        try:
            status = self.process.wait(20 * relay_process.SLOWNESS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            for thread in self.threads:
                thread.join(5)
            self.process.stderr.close()
        for sign in ("Sanitizer", "runtime error:", "Assertion"):
            assert not any(sign in line for line in self.lines), "\n".join(self.lines)
        return status


def wait_until(what, condition, timeout=20):
    waited = threading.Event()
    for _ in range(int(timeout * relay_process.SLOWNESS / 0.01)):
        if condition():
            return
        waited.wait(0.01)
    raise TimeoutError(what)


class FakeSupervisor:
    """`with FakeSupervisor() as supervisor:`; `start()` gives a data process that is ready."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="adit-takeover-")
        self.control_path = os.path.join(self.folder.name, "relay.sock")
        self.state_dir = os.path.join(self.folder.name, "state")
        os.mkdir(self.state_dir)
        self.control_socket = socket.socket(socket.AF_UNIX)
        self.control_socket.bind(self.control_path)
        self.control_socket.listen(16)
        self.listeners, self.processes = {}, []

    def listener(self, protocol, port):
        """Every configured address is 127.0.0.1 here."""
        key = (protocol, port)
        if key not in self.listeners:
            bound = socket.socket()
            bound.bind(("127.0.0.1", 0))
            bound.setblocking(False)
            self.listeners[key] = bound
        return self.listeners[key]

    def start(self, workers=2):
        process = DataProcess(self, workers)
        self.processes.append(process)
        process.wait_for(READY)
        return process

    def serving(self, table, workers=2):
        """A data process that serves `table`, and its first port."""
        process = self.start(workers)
        process.tell(SERVE)
        process.wait_for(SERVING)
        with self.control() as control:
            assert not control.set(table)["problems"]
            return process, control.stats()["listeners"][0]["bound_port"]

    def control(self):
        return relay_control.Control(self.control_path, timeout=30 * relay_process.SLOWNESS)

    def close(self):
        try:
            for process in self.processes:
                process.end()
        finally:
            for bound in [*self.listeners.values(), self.control_socket]:
                bound.close()
            self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
